import dns from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { createAddressRules } from "./networks.ts";

/** Thrown for a host that must not be connected to, or has no address. */
export class RefusedHostError extends Error {
  override readonly name = "RefusedHostError";
}

export type HostResolver = {
  /** Resolves a URL's host to its addresses. Throws RefusedHostError if one of them is not allowed, or there is none. */
  addressesOf(hostname: string): Promise<readonly string[]>;
  /** Resolves a host for a connection, which uses the checked address. Node does not call it for hosts that are addresses. */
  readonly lookup: LookupFunction;
};

/**
 * Resolves hosts and refuses addresses that are not allowed. It is the lookup of each connection, so a name that is public
 * when it is checked and private when it is connected to (DNS rebinding) does not get through.
 *
 * It queries name servers itself. getaddrinfo has four threads for the whole process, so a few names whose servers do not
 * answer would hold up all endpoints.
 */
export function createHostResolver(options: {
  allowedNetworks: readonly string[];
  /** The name servers; the system's by default. */
  dnsServers?: readonly string[] | undefined;
}): HostResolver {
  const rules = createAddressRules(options.allowedNetworks);
  const resolver = new dns.Resolver({ timeout: 1_500, tries: 2 });
  if (options.dnsServers !== undefined) {
    resolver.setServers(options.dnsServers);
  }
  const addressesOf = async (hostname: string) => {
    const literal = hostname.replace(/^\[(.*)\]$/, "$1");
    const addresses = isIP(literal) === 0 ? await resolve(resolver, hostname) : [literal];
    const refused = addresses.find((address) => !rules.isAllowed(address));
    // One is enough to refuse: a name with a public and a private address may be an attack.
    if (refused !== undefined) {
      const where = refused === literal ? refused : `${hostname} is at ${refused}, which`;
      throw new RefusedHostError(`${where} is not a public address`);
    }
    return addresses;
  };
  return {
    addressesOf,
    lookup(hostname, { all }, callback) {
      addressesOf(hostname).then(
        (addresses) => {
          const found = addresses.map((address) => ({ address, family: isIP(address) }));
          const [first] = found;
          all === true ? callback(null, found) : callback(null, first?.address ?? "", first?.family);
        },
        (error) => callback(error, ""),
      );
    },
  };
}

async function resolve(resolver: dns.Resolver, hostname: string): Promise<string[]> {
  // Name servers are not asked for localhost (RFC 6761).
  if (/(^|\.)localhost\.?$/i.test(hostname)) {
    return ["127.0.0.1", "::1"];
  }
  const late = AbortSignal.timeout(longestMs);
  const { promise: isLate, reject } = Promise.withResolvers<never>();
  late.addEventListener("abort", () =>
    reject(new RefusedHostError(`${hostname} could not be resolved: the name servers did not answer`)),
  );
  const answers = await Promise.race([
    Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]),
    isLate,
  ]);
  const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (addresses.length === 0) {
    const cause: unknown = answers.find((answer) => answer.status === "rejected")?.reason;
    const code = cause instanceof Error && "code" in cause ? ` (${cause.code})` : "";
    throw new RefusedHostError(`${hostname} has no address${code}`, { cause });
  }
  return addresses;
}

// The caller that registers an endpoint waits for this.
const longestMs = 4_000;
