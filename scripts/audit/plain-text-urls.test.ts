import { expect, test } from "vitest";
import { auditedDatabases, byName } from "../shop.ts";
import { plainTextUrls } from "./plain-text-urls.ts";

test.each([
  ["", false],
  ["?sslmode=disable", false],
  ["?sslmode=prefer", false],
  ["?sslmode=no-verify", false],
  ["?ssl=true", false],
  ["?sslmode=verify-full", true],
  ["?sslmode=verify-full&sslrootcert=/ca.crt", true],
])("a database's URL with %j is verified: %s", (query, isVerified) => {
  const good = byName(
    auditedDatabases,
    (name) => `postgresql://audit:x@${name}-db-rw:5432/${name}?sslmode=verify-full`,
  );
  const urls = { ...good, payment: `postgresql://audit:x@payment-db-rw:5432/payment${query}` };
  expect(plainTextUrls(urls)).toEqual(isVerified ? [] : ["payment"]);
});
