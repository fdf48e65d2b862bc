import { invalidRequest } from "@sagacart/rest/problem";

/** Returns the ISO 3166-1 code of a country given by its code or its English name, in upper or lower case. Throws a 400. */
export function countryCodeOf(given: string): string {
  const name = given.trim().toUpperCase();
  const code = codes().get(name);
  if (code === undefined) {
    const message = "must be a country's ISO 3166-1 code, such as US, or its name in English";
    throw invalidRequest([{ field: "country", rule: "country", message }]);
  }
  return code;
}

let known: ReadonlyMap<string, string> | undefined;

function codes(): ReadonlyMap<string, string> {
  known ??= new Map([...named(), ...alsoCalled]);
  return known;
}

/** Returns the code of each region, by the code itself and by the region's English name. */
function named(): [string, string][] {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  return letters
    .flatMap((first) => letters.map((second) => first + second))
    .flatMap((code) => {
      const name = names.of(code);
      return name === undefined
        ? []
        : [[code, code] as [string, string], [name.toUpperCase(), code] as [string, string]];
    });
}

const alsoCalled: readonly [string, string][] = [
  ["USA", "US"],
  ["UNITED STATES OF AMERICA", "US"],
  ["UK", "GB"],
  ["GREAT BRITAIN", "GB"],
  ["TURKEY", "TR"],
  ["CZECH REPUBLIC", "CZ"],
];
