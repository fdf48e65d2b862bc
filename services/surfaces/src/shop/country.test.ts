import { countryCodes } from "@sagacart/chassis/address/countries";
import english from "i18n-iso-countries/langs/en.json" with { type: "json" };
import { iso31661 } from "iso-3166/1.js";
import { describe, expect, test } from "vitest";
import { countryCodeOf } from "./country.ts";

const names: Readonly<Record<string, string | readonly string[]>> = english.countries;
const cldr = new Intl.DisplayNames("en", { type: "region", fallback: "none" });

/** Spellings of a name as people type it. */
function spellingsOf(name: string): string[] {
  const straight = name.replaceAll("’", "'");
  return [
    name,
    straight,
    straight.replaceAll("'", "’"),
    straight.toUpperCase(),
    straight.toLowerCase(),
    ` ${straight} `,
    straight.normalize("NFD"),
    straight.normalize("NFD").replaceAll(/\p{M}/gu, ""),
    straight.replaceAll("&", "and"),
    straight.replaceAll(" and ", " & "),
    straight.replaceAll("St. ", "Saint "),
    straight.replaceAll("Saint ", "St "),
    `The ${straight}`,
  ];
}

describe.each(iso31661.map(({ alpha2, alpha3, name }) => ({ alpha2, alpha3, name })))(
  "$alpha2",
  ({ alpha2, alpha3, name }) => {
    // Both Congos are called Congo in that list; in ISO's only one is.
    const listed = [names[alpha2] ?? []].flat().filter((given) => !(given === "Congo" && alpha2 === "CD"));
    const common = cldr.of(alpha2) ?? alpha2;
    test.each([alpha2, alpha2.toLowerCase(), alpha3, name, common, ...listed])("is meant by %j", (given) => {
      const spellings = given.length < 4 ? [given] : spellingsOf(given);
      expect(spellings.map((spelling) => [spelling, countryCodeOf(spelling)])).toEqual(
        spellings.map((spelling) => [spelling, alpha2]),
      );
    });
  },
);

test.each([
  ["UK", "GB"],
  ["England", "GB"],
  ["Britain", "GB"],
  ["USA", "US"],
  ["U.S.A.", "US"],
  ["America", "US"],
  ["UAE", "AE"],
  ["U.A.E.", "AE"],
  ["Hong Kong", "HK"],
  ["Macau", "MO"],
  ["Côte d'Ivoire", "CI"],
  ["Cote d`Ivoire", "CI"],
  ["Ivory Coast", "CI"],
  ["South Korea", "KR"],
  ["Korea, Republic of", "KR"],
  ["North Korea", "KP"],
  ["Russia", "RU"],
  ["France", "FR"],
  ["Serbia", "RS"],
  ["Burkina Faso", "BF"],
  ["Benin", "BJ"],
  ["Turkey", "TR"],
  ["Turkiye", "TR"],
  ["Czech Republic", "CZ"],
  ["Holland", "NL"],
  ["Burma", "MM"],
  ["Swaziland", "SZ"],
  ["East Timor", "TL"],
  ["Cape Verde", "CV"],
  ["Vatican City", "VA"],
  ["Bosnia", "BA"],
  ["DR Congo", "CD"],
  ["Congo", "CG"],
  ["Viet Nam", "VN"],
  ["Laos", "LA"],
  ["Guinea Bissau", "GW"],
  ["U.S. Virgin Islands", "VI"],
  ["British Virgin Islands", "VG"],
])("%s is %s", (name, code) => {
  expect(countryCodeOf(name)).toBe(code);
});

test.each(["", " ", ".", "EU", "ZZ", "FX", "SU", "XK", "YU", "AN", "Atlantis", "Korea", "Virgin Islands", "the", "0"])(
  "%j is refused, naming the field",
  (name) => {
    expect(() => countryCodeOf(name)).toThrow("country: must be a country's ISO 3166-1 code");
  },
);

test("no two letters mean anything but the code that ISO assigns, except UK", () => {
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  const taken = letters.flatMap((a) => letters.map((b) => a + b)).filter((code) => accepted(code));
  expect(taken).toEqual([...countryCodes, "UK"].sort());
});

function accepted(name: string): boolean {
  try {
    countryCodeOf(name);
    return true;
  } catch {
    return false;
  }
}
