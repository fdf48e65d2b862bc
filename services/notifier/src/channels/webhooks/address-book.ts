import dns from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { createAddressRules } from "./networks.ts";

/** A host that nothing is sent to, and why. */
export class RefusedHostError extends Error {
  override readonly name = "RefusedHostError";
}

export type AddressBook = {
  /** The addresses of a URL's host. Throws RefusedHostError where one of them may not be sent to, or there is none. */
  addressesOf(hostname: string): Promise<readonly string[]>;
  /** The same for a connection: it goes to the very address that was looked at. A host that is an address skips it. */
  readonly lookup: LookupFunction;
};

/**
 * Finds the addresses of hosts, and refuses those that may not be sent to. It stands in the connection itself: a name
 * that was public when it was looked at, and is private when it is connected to, gains nothing.
 *
 * It asks name servers by itself. The system's own way, getaddrinfo, has four threads for the whole process: some
 * endpoints with names that nobody answers for would hold up all others.
 */
export function createAddressBook(options: {
  allowedNetworks: readonly string[];
  /** The name servers; those of the system where there are none. */
  dnsServers?: readonly string[] | undefined;
}): AddressBook {
  const rules = createAddressRules(options.allowedNetworks);
  const resolver = new dns.Resolver({ timeout: 1_500, tries: 2 });
  if (options.dnsServers !== undefined) {
    resolver.setServers(options.dnsServers);
  }
  const addressesOf = async (hostname: string) => {
    const literal = hostname.replace(/^\[(.*)\]$/, "$1");
    const addresses = isIP(literal) === 0 ? await resolve(resolver, hostname) : [literal];
    const refused = addresses.find((address) => !rules.isAllowed(address));
    // One is enough: a name with a public and a private address is a trap.
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
  // By RFC 6761 it is not asked for. With several servers that do not answer, asking would take long.
  if (/(^|\.)localhost\.?$/i.test(hostname)) {
    return ["127.0.0.1", "::1"];
  }
  const late = AbortSignal.timeout(longestMs);
  const { promise: isLate, reject } = Promise.withResolvers<never>();
  late.addEventListener("abort", () => reject(new RefusedHostError(`${hostname} could not be found: no answer`)));
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

/** Whoever registers an endpoint waits for it. */
const longestMs = 4_000;
