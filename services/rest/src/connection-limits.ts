import { BlockList, isIPv6, type Socket } from "node:net";
import { networkOf } from "@sagacart/chassis/client/network";

/** Limits of the connections to one process. */
export type ConnectionLimits = {
  /** The most connections in all. 0: no limit. */
  readonly connections: number;
  /** The most connections of one address (of one /64 for IPv6). 0: no limit. Trusted proxies have none. */
  readonly connectionsPerAddress: number;
  /** The most requests at a time on one connection of HTTP/2. */
  readonly streamsPerConnection: number;
  /** How long a request may take to come in completely, in ms. */
  readonly requestTimeoutMs: number;
  /** How long a connection without a request is kept, in ms. */
  readonly idleTimeoutMs: number;
  /** How long a caller may read nothing of its answer, in ms. */
  readonly stalledAnswerMs: number;
};

/** Limits for a port that anyone can reach. */
export const publicConnections: ConnectionLimits = {
  connections: 4_000,
  connectionsPerAddress: 100,
  streamsPerConnection: 100,
  requestTimeoutMs: 60_000,
  // Clients keep idle connections in their pools for up to a minute; they must not find them closed by the server.
  idleTimeoutMs: 75_000,
  stalledAnswerMs: 30_000,
};

/** The open connections of a server. */
export type OpenConnections = {
  readonly count: () => number;
  /** Counts a connection until it closes. Returns false, and counts nothing, if it is one too many. */
  admit(socket: Socket): boolean;
};

/** Counts connections in all, and by the address of the peer: the last proxy, where there is one. */
export function countConnections(
  { connections, connectionsPerAddress }: ConnectionLimits,
  trustedProxies: readonly string[] | "all" = [],
): OpenConnections {
  const isProxy = trustedProxies === "all" ? () => true : inNetworks(trustedProxies);
  const perNetwork = new Map<string, number>();
  let all = 0;
  return {
    count: () => all,
    admit(socket) {
      const address = socket.remoteAddress ?? "";
      const network = isProxy(address) ? undefined : networkOf(address);
      const ofNetwork = network === undefined ? 0 : (perNetwork.get(network) ?? 0);
      const isTooMany = connections > 0 && all >= connections;
      if (isTooMany || (connectionsPerAddress > 0 && ofNetwork >= connectionsPerAddress)) {
        return false;
      }
      all++;
      if (network !== undefined) {
        perNetwork.set(network, ofNetwork + 1);
      }
      socket.once("close", () => {
        all--;
        const left = network === undefined ? 0 : (perNetwork.get(network) ?? 1) - 1;
        if (network !== undefined && left > 0) {
          perNetwork.set(network, left);
        } else if (network !== undefined) {
          perNetwork.delete(network);
        }
      });
      return true;
    },
  };
}

function inNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    list.addSubnet(address, Number(bits ?? (family === "ipv6" ? 128 : 32)), family);
  }
  return (address) => {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
    return list.check(plain, isIPv6(plain) ? "ipv6" : "ipv4");
  };
}
