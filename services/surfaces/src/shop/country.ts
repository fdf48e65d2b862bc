import { invalidRequest } from "@sagacart/rest/problem";
import english from "i18n-iso-countries/langs/en.json" with { type: "json" };
import { iso31661 } from "iso-3166/1.js";

/**
 * Returns the ISO 3166-1 alpha-2 code of a country given by its code of two or three letters or by a usual English name,
 * in upper or lower case, with or without accents and punctuation. Throws a 400.
 */
export function countryCodeOf(given: string): string {
  const code = codes().get(keyOf(given));
  if (code === undefined) {
    const message = "must be a country's ISO 3166-1 code, such as US, or its name in English";
    throw invalidRequest([{ field: "country", rule: "country", message }]);
  }
  return code;
}

let known: ReadonlyMap<string, string> | undefined;

/**
 * Returns the code of each country by its names. Only codes that ISO assigns are in it, and the names of one source never
 * replace those of an earlier one: "Congo" is ISO's name for CG, and only other lists' for CD.
 */
function codes(): ReadonlyMap<string, string> {
  if (known === undefined) {
    const found = new Map<string, string>();
    for (const [name, code] of [...assigned(), ...listed(), ...ofCldr("long"), ...ofCldr("short"), ...alsoCalled]) {
      const key = keyOf(name);
      if (!found.has(key)) {
        found.set(key, code);
      }
      const plain = keyOf(name.replace(/\(.*\)/, ""));
      if (plain !== "" && !found.has(plain) && !ambiguous.has(plain)) {
        found.set(plain, code);
      }
    }
    known = found;
  }
  return known;
}

type Named = readonly [name: string, code: string];

const assignedCountries = iso31661.filter(({ state }) => state === "assigned");

function assigned(): Named[] {
  const codesOfAll = assignedCountries.flatMap(({ alpha2, alpha3 }): Named[] => [
    [alpha2, alpha2],
    [alpha3, alpha2],
  ]);
  return [...codesOfAll, ...assignedCountries.map(({ name, alpha2 }): Named => [name, alpha2])];
}

function listed(): Named[] {
  const names: Readonly<Record<string, string | readonly string[]>> = english.countries;
  return assignedCountries.flatMap(({ alpha2 }) => [names[alpha2] ?? []].flat().map((name): Named => [name, alpha2]));
}

function ofCldr(style: "long" | "short"): Named[] {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none", style });
  return assignedCountries.flatMap(({ alpha2 }) => {
    const name = names.of(alpha2);
    return name === undefined ? [] : [[name, alpha2] as const];
  });
}

/** Names in use that none of these lists has. */
const alsoCalled: readonly Named[] = [
  ["Aland", "AX"],
  ["America", "US"],
  ["Antigua", "AG"],
  ["Bonaire", "BQ"],
  ["Britain", "GB"],
  ["Brunei Darussalam", "BN"],
  ["Burma", "MM"],
  ["Congo (DRC)", "CD"],
  ["Congo-Brazzaville", "CG"],
  ["Congo-Kinshasa", "CD"],
  ["DPRK", "KP"],
  ["DR Congo", "CD"],
  ["DRC", "CD"],
  ["East Timor", "TL"],
  ["England", "GB"],
  ["Falklands", "FK"],
  ["Faeroe Islands", "FO"],
  ["Holland", "NL"],
  ["Hong Kong SAR", "HK"],
  ["Islas Malvinas", "FK"],
  ["Kyrgyz Republic", "KG"],
  ["Lao PDR", "LA"],
  ["Macao SAR", "MO"],
  ["Macau", "MO"],
  ["Macau SAR", "MO"],
  ["Macedonia", "MK"],
  ["Northern Ireland", "GB"],
  ["Republic of Ireland", "IE"],
  ["Republic of Moldova", "MD"],
  ["Republic of China", "TW"],
  ["Scotland", "GB"],
  ["Slovak Republic", "SK"],
  ["South Georgia", "GS"],
  ["St. Kitts", "KN"],
  ["St. Vincent", "VC"],
  ["Svalbard", "SJ"],
  ["Swaziland", "SZ"],
  ["Trinidad", "TT"],
  ["Turks and Caicos", "TC"],
  ["US Virgin Islands", "VI"],
  ["United States Virgin Islands", "VI"],
  ["Vatican", "VA"],
  ["Wales", "GB"],
  ["Western Samoa", "WS"],
];

/** Names that several countries share without their parentheses. */
const ambiguous: ReadonlySet<string> = new Set(["Virgin Islands"].map(keyOf));

/**
 * Reduces a name to what is the same in all its spellings: the sorted words in lower case, without accents, punctuation and
 * small words. "Côte d’Ivoire" and "Cote d'Ivoire" have one key, and so have "Korea, Republic of" and "Republic of Korea".
 */
function keyOf(name: string): string {
  const words = name
    .normalize("NFKD")
    .replaceAll(/[\p{M}.'’‘ʼ`´]/gu, "")
    .toLowerCase()
    .replaceAll("&", " and ")
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
  // A word alone may be a code: AND is Andorra, ST is São Tomé and Príncipe.
  return words.length < 2
    ? words.join("")
    : words
        .map((word) => (word === "st" ? "saint" : word))
        .filter((word) => !["and", "of", "the"].includes(word))
        .sort()
        .join(" ");
}
