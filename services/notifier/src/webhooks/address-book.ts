import { promises as dns } from "node:dns";
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
 */
export function createAddressBook(options: {
  allowedNetworks: readonly string[];
  /** Name servers; the system's way to find names (its hosts file too) where there are none. */
  dnsServers?: readonly string[] | undefined;
}): AddressBook {
  const rules = createAddressRules(options.allowedNetworks);
  const resolve = options.dnsServers === undefined ? askSystem : askServers(options.dnsServers);
  const addressesOf = async (hostname: string) => {
    const literal = hostname.replace(/^\[(.*)\]$/, "$1");
    const addresses = isIP(literal) === 0 ? await resolve(hostname) : [literal];
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

async function askSystem(hostname: string): Promise<string[]> {
  try {
    return (await dns.lookup(hostname, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw unknown(hostname, error);
  }
}

function askServers(servers: readonly string[]): (hostname: string) => Promise<string[]> {
  const resolver = new dns.Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers(servers);
  return async (hostname) => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (addresses.length === 0) {
      throw unknown(hostname, answers.find((answer) => answer.status === "rejected")?.reason);
    }
    return addresses;
  };
}

function unknown(hostname: string, cause: unknown): RefusedHostError {
  const code = cause instanceof Error && "code" in cause ? ` (${cause.code})` : "";
  return new RefusedHostError(`${hostname} has no address${code}`, { cause });
}
