import { BlockList, isIPv6, type Socket } from "node:net";
import { networkOf } from "../client/network.ts";

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
  /** The most memory of one connection of HTTP/2, in MB; beyond it, new requests are refused. */
  readonly sessionMemoryMb: number;
  /** How many streams of one connection may be reset in a row, and how many a second for long; more end the connection. */
  readonly streamResets: { readonly burst: number; readonly perSecond: number };
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
  // Node's defaults.
  sessionMemoryMb: 10,
  streamResets: { burst: 1_000, perSecond: 33 },
};

/**
 * Limits for a port that only the shop's own processes reach. They have few connections, with hundreds of calls at a time on
 * each, and must never meet these limits.
 */
export const serviceConnections: ConnectionLimits = {
  connections: 10_000,
  // The gateway has a connection for each request that it passes on over HTTP/1.1, and takes 2,000 at a time.
  connectionsPerAddress: 2_500,
  // The gateway takes 2,000 requests and 2,000 streams at a time, and all may be for one service.
  streamsPerConnection: 5_000,
  requestTimeoutMs: 60_000,
  // The usual age of a connection: one that is idle until then would be replaced anyway.
  idleTimeoutMs: 300_000,
  stalledAnswerMs: 30_000,
  // Many calls share one connection: with the default of 10, a thousand with large messages are refused.
  sessionMemoryMb: 256,
  // Node takes 33 a second for an attack. Here they are calls past their deadlines, all of a connection at a time.
  streamResets: { burst: 5_000, perSecond: 2_000 },
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
