import { expect, test } from "vitest";
import { createAddressRules, isNetwork } from "./networks.ts";

const { isAllowed } = createAddressRules([]);

test.each([
  "127.0.0.1", // loopback
  "127.255.255.254",
  "0.0.0.0", // this host
  "0.1.2.3",
  "10.0.0.1", // private
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "100.64.0.1", // shared by a provider's customers (CGNAT)
  "169.254.169.254", // link-local: the clouds' metadata
  "192.0.0.1", // protocol assignments
  "192.0.2.1", // documentation
  "198.18.0.1", // benchmarks
  "224.0.0.1", // multicast
  "240.0.0.1", // reserved
  "255.255.255.255", // broadcast
  "::", // unspecified
  "::1", // loopback
  "::7f00:1", // IPv4-compatible, deprecated
  "fe80::1", // link-local
  "fec0::1", // site-local
  "fc00::1", // unique local
  "fd12:3456::1",
  "ff02::1", // multicast
  "2001:db8::1", // documentation
  "::ffff:127.0.0.1", // IPv4 in IPv6
  "::ffff:10.0.0.1",
  "::ffff:a9fe:a9fe",
  "64:ff9b::7f00:1", // NAT64 of 127.0.0.1
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::a00:1", // local-use NAT64
  "2002:7f00:1::", // 6to4 of 127.0.0.1
  "2002:c0a8:101::1",
  "2001::1", // Teredo
  "fe80::1%eth0", // with a zone
  "localhost",
  "127.1",
  "",
])("nothing is sent to %j", (address) => {
  expect(isAllowed(address)).toBe(false);
});

/** The services of the clouds for instances, with the forms in which an address can be written or wrapped. */
const ofClouds = {
  "AWS, Google, Azure, Oracle, OpenStack": "169.254.169.254",
  "AWS, a container's credentials": "169.254.170.2",
  "AWS, credentials of EKS's pods": "169.254.170.23",
  Tencent: "169.254.0.23",
  "Azure's platform": "168.63.129.16",
  Alibaba: "100.100.100.200",
  "Oracle, older": "192.0.0.192",
  "AWS, IPv6": "fd00:ec2::254",
  "AWS, credentials of EKS's pods, IPv6": "fd00:ec2::23",
  "Google, IPv6": "fd20:ce::254",
  "OpenStack, IPv6": "fe80::a9fe:a9fe",
};

test.each(Object.entries(ofClouds).flatMap(([cloud, address]) => waysToWrite(address).map((text) => [cloud, text])))(
  "nothing is sent to %s at %s, also where everything is allowed",
  (_cloud, text) => {
    const everything = createAddressRules(["0.0.0.0/0", "::/0", "169.254.0.0/16", "100.64.0.0/10", "fd00::/8"]);
    expect(everything.isAllowed(text)).toBe(false);
    expect(isAllowed(text)).toBe(false);
  },
);

function waysToWrite(address: string): string[] {
  const bytes = address.split(".").map(Number);
  if (bytes.length !== 4) {
    return [address];
  }
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0"));
  const inverted = bytes.map((byte) => (byte ^ 0xff).toString(16).padStart(2, "0"));
  const [high, low] = [hex.slice(0, 2).join(""), hex.slice(2).join("")];
  return [
    address,
    String(Number.parseInt(hex.join(""), 16)),
    `0x${hex.join("")}`,
    bytes.map((byte) => `0${byte.toString(8)}`).join("."),
    hex.map((byte) => `0x${byte}`).join("."),
    `::ffff:${address}`,
    `::ffff:${high}:${low}`,
    `::${high}:${low}`,
    `64:ff9b::${high}:${low}`,
    `64:ff9b:1::${high}:${low}`,
    `2002:${high}:${low}::1`,
    `2001:0:4136:e378:8000:63bf:${inverted.slice(0, 2).join("")}:${inverted.slice(2).join("")}`,
  ];
}

test.each([
  "1.1.1.1",
  "172.15.255.255",
  "172.32.0.1",
  "100.63.255.255",
  "2606:4700:4700::1111",
  "::ffff:1.1.1.1",
  "64:ff9b::101:101",
  // It only looks like one of a cloud.
  "2606:4700::a9fe:a9fe",
  "2606:a83f:8110::1",
])("%j is public", (address) => {
  expect(isAllowed(address)).toBe(true);
});

test("an allowed network is allowed however its addresses are written, and its neighbours are not", () => {
  const rules = createAddressRules(["10.1.0.0/16", "fd00::/8"]);
  expect(["10.1.0.1", "::ffff:10.1.2.3", "fd01::1"].map(rules.isAllowed)).toEqual([true, true, true]);
  expect(["10.2.0.1", "127.0.0.1", "::1", "fc00::1"].map(rules.isAllowed)).toEqual([false, false, false, false]);
});

test("a network is an address with a prefix length", () => {
  expect(["10.0.0.0/8", "::1/128"].map(isNetwork)).toEqual([true, true]);
  expect(["10.0.0.0", "10.0.0.0/33", "example.com/8", ""].map(isNetwork)).toEqual([false, false, false, false]);
});
