import { isIPv6 } from "node:net";

/** Returns the network by which callers with this address are counted: for IPv6 its /64, which one household has. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(plain)) {
    return plain;
  }
  // URL writes an address in canonical form, which may still have `::` for zeros.
  const [head = "", tail] = new URL(`http://[${plain.split("%", 1)[0]}]`).hostname.slice(1, -1).split("::");
  const left = head.split(":").filter((group) => group !== "");
  const right = (tail ?? "").split(":").filter((group) => group !== "");
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].slice(0, 4).join(":");
}
