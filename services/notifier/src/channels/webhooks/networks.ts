import ipaddr from "ipaddr.js";

/**
 * Which addresses may be sent to: public ones, and those in networks that are allowed by name. All else is refused:
 * loopback, private, link-local (the clouds' metadata), shared, unique local, multicast, reserved, documentation, and
 * each of them in the clothes of IPv6 (mapped, NAT64). Whoever may register a URL must not reach inside with it.
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

/** Whether a text is a network, such as 10.1.0.0/16 or fd00::/8. */
export function isNetwork(text: string): boolean {
  return ipaddr.isValidCIDR(text);
}

type Address = ReturnType<typeof ipaddr.parse>;

/** The IPv4 address that an IPv6 address stands for, where it does: that is where the packets go. */
function unwrapped(address: Address): Address {
  if (address instanceof ipaddr.IPv4) {
    return address;
  }
  if (address.isIPv4MappedAddress()) {
    return address.toIPv4Address();
  }
  // NAT64, for clusters that have IPv6 alone: the last 32 bits of 64:ff9b::/96.
  return address.range() === "rfc6052" ? new ipaddr.IPv4(address.toByteArray().slice(-4)) : address;
}

function isPublic(address: Address): boolean {
  // "unicast" is what is in none of the special ranges; of IPv6 only 2000::/3 was ever given out.
  return address.range() === "unicast" && (address instanceof ipaddr.IPv4 || isIn(address, globalUnicast));
}

const globalUnicast = ipaddr.parseCIDR("2000::/3");

function isIn(address: Address, network: ReturnType<typeof ipaddr.parseCIDR>): boolean {
  return address.kind() === network[0].kind() && address.match(network);
}
