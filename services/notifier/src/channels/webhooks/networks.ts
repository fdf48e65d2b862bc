import ipaddr from "ipaddr.js";

/**
 * Decides which addresses may be connected to: public ones, and those in the allowed networks. All others are refused, so
 * that a registered URL cannot reach internal hosts: loopback, private, link-local (cloud metadata), shared, unique local,
 * multicast, reserved and documentation addresses, also as IPv6 (mapped, NAT64).
 */
export function createAddressRules(allowedNetworks: readonly string[]): { isAllowed(address: string): boolean } {
  const networks = allowedNetworks.map((network) => ipaddr.parseCIDR(network));
  return {
    isAllowed(text) {
      if (!ipaddr.isValid(text)) {
        return false;
      }
      const address = unwrapped(ipaddr.parse(text));
      return isPublic(address) || networks.some((network) => isIn(address, network));
    },
  };
}

/** Returns true if a text is a network in CIDR notation, for example 10.1.0.0/16 or fd00::/8. */
export function isNetwork(text: string): boolean {
  return ipaddr.isValidCIDR(text);
}

type Address = ReturnType<typeof ipaddr.parse>;

/** Returns the IPv4 address embedded in an IPv6 address, if there is one: packets go there. */
function unwrapped(address: Address): Address {
  if (address instanceof ipaddr.IPv4) {
    return address;
  }
  if (address.isIPv4MappedAddress()) {
    return address.toIPv4Address();
  }
  // NAT64, for IPv6-only clusters: the last 32 bits of 64:ff9b::/96 (RFC 6052).
  return address.range() === "rfc6052" ? new ipaddr.IPv4(address.toByteArray().slice(-4)) : address;
}

function isPublic(address: Address): boolean {
  // "unicast" is an address in none of the special ranges. In IPv6 only 2000::/3 is allocated.
  return address.range() === "unicast" && (address instanceof ipaddr.IPv4 || isIn(address, globalUnicast));
}

const globalUnicast = ipaddr.parseCIDR("2000::/3");

function isIn(address: Address, network: ReturnType<typeof ipaddr.parseCIDR>): boolean {
  return address.kind() === network[0].kind() && address.match(network);
}
