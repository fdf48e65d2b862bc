import { BlockList, isIP } from "node:net";

const inside = { ca: undefined as string | undefined };

/** Sets the CA of the cluster, in place of the one of an earlier call. Nothing is changed without one. */
export function trustInside(ca: string | undefined): void {
  inside.ca = ca ?? inside.ca;
}

/**
 * Returns the one CA that a host's certificate must be of: the cluster's for hosts inside of it; undefined for all others,
 * which the public CAs vouch for, and for all hosts without a CA of the cluster. So the cluster's CA cannot issue a
 * certificate that counts for a company outside, and no public CA one for a service.
 */
export function caFor(hostname: string): string | undefined {
  return inside.ca !== undefined && isInside(hostname) ? inside.ca : undefined;
}

/**
 * Returns true for names that only the cluster resolves: without a dot, such as `sagacart-identity` or `localhost`, or of a
 * Service with its namespace, such as `keycloak.auth.svc` and `keycloak.auth.svc.cluster.local`; and for addresses of private
 * networks. No public CA issues certificates for these.
 */
export function isInside(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[|\]$|\.$/g, "");
  switch (isIP(name)) {
    case 4:
      return privateNetworks.check(name, "ipv4");
    case 6:
      return privateNetworks.check(name, "ipv6");
    default:
      return !name.includes(".") || /\.svc(?:\.|$)/.test(name);
  }
}

const privateNetworks = new BlockList();
for (const [network, bits] of [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  privateNetworks.addSubnet(network, bits, "ipv4");
}
for (const [network, bits] of [
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const) {
  privateNetworks.addSubnet(network, bits, "ipv6");
}
