import ipaddr from "ipaddr.js";

/**
 * Decides which addresses may be connected to: public ones, and those in the allowed networks. All others are refused, so
 * that a registered URL cannot reach internal hosts: loopback, private, link-local (cloud metadata), shared, unique local,
 * multicast, reserved and documentation addresses, also as IPv6 (mapped, NAT64). The clouds' own services for instances,
 * which give out credentials, are refused whatever is allowed: no endpoint is there.
 */
export function createAddressRules(allowedNetworks: readonly string[]): { isAllowed(address: string): boolean } {
  const networks = allowedNetworks.map((network) => ipaddr.parseCIDR(network));
  return {
    isAllowed(text) {
      if (!ipaddr.isValid(text)) {
        return false;
      }
      const written = ipaddr.parse(text);
      const address = unwrapped(written);
      return (
        !embedded(written).some(isOfCloud) && (isPublic(address) || networks.some((network) => isIn(address, network)))
      );
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

/** Returns the address, and the IPv4 address that a translator or tunnel would find in it. */
function embedded(address: Address): Address[] {
  if (address instanceof ipaddr.IPv4) {
    return [address];
  }
  const bytes = address.toByteArray();
  const at = (start: number) => new ipaddr.IPv4(bytes.slice(start, start + 4));
  if (address.range() === "6to4") {
    return [address, at(2)];
  }
  if (address.range() === "teredo") {
    return [address, new ipaddr.IPv4(bytes.slice(12).map((byte) => byte ^ 0xff))];
  }
  // The last 32 bits: mapped, compatible, NAT64, also with a prefix of one's own. Not of public ones, which are random there.
  return isIn(address, globalUnicast) ? [address] : [address, at(12)];
}

function isOfCloud(address: Address): boolean {
  return clouds.some((network) => isIn(address, network));
}

/**
 * The addresses at which clouds serve instances metadata, credentials and configuration. Those of Azure's platform are
 * public ones, and those of others are in networks that an operator may well allow.
 */
const clouds = [
  // Link-local: AWS, Azure, Google, Oracle, IBM, DigitalOcean, Hetzner, OpenStack, Tencent; ECS's task credentials.
  "169.254.0.0/16",
  "fe80::/10",
  // AWS over IPv6: metadata, and the credentials of EKS's pods.
  "fd00:ec2::/32",
  // Google over IPv6.
  "fd20:ce::254/128",
  // Azure's platform (WireServer).
  "168.63.129.16/32",
  // Alibaba.
  "100.100.100.200/32",
  // Oracle, in its older regions.
  "192.0.0.192/32",
].map((network) => ipaddr.parseCIDR(network));

function isPublic(address: Address): boolean {
  // "unicast" is an address in none of the special ranges. In IPv6 only 2000::/3 is allocated.
  return address.range() === "unicast" && (address instanceof ipaddr.IPv4 || isIn(address, globalUnicast));
}

const globalUnicast = ipaddr.parseCIDR("2000::/3");

function isIn(address: Address, network: ReturnType<typeof ipaddr.parseCIDR>): boolean {
  return address.kind() === network[0].kind() && address.match(network);
}
