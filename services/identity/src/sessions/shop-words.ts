import { isIP } from "node:net";
import { foldName } from "../users/fold.ts";

/** The words that no shop accepts as most of a password: the product, and its roles. docs/security/sign-in.md lists them. */
export const builtInWords: readonly string[] = [
  ...["sagacart", "customer", "support", "operator", "administrator", "admin"],
];

/** A word of fewer characters is in too many passwords by chance. */
const shortest = 4;

/** Returns the words of the shop: the built-in ones, the labels of its public host name, and those that are configured. */
export function shopWords({ issuer, configured }: { issuer: string; configured: readonly string[] }): string[] {
  const { hostname } = new URL(issuer);
  // Not the last label, which is `com` or the like. An IP address has no words.
  const labels = isIP(hostname.replace(/^\[|\]$/g, "")) ? [] : hostname.split(".");
  const names = labels.length > 1 ? labels.slice(0, -1) : labels;
  const ofHost = names.flatMap((label) => [label, ...label.split("-")]).filter((name) => name.length >= shortest);
  return [...new Set([...builtInWords, ...ofHost, ...configured])];
}

/**
 * Finds the words that a password is mostly made of, with the usual replacements of letters (`S@gac4rt-2026`); undefined if
 * enough is left of it besides: more than four characters, more than half as many as the words have, and more than eight if they
 * are only digits. Spaces and signs do not count.
 */
export function mostlyWords(password: string, words: readonly string[]): string | undefined {
  const { plain, given } = plainForm(password);
  // Longer ones first: `administrator` is one word.
  const known = [...new Set(words.map((word) => plainForm(word).plain))]
    .filter((word) => word.length >= 3)
    .sort((one, other) => other.length - one.length || (one < other ? -1 : 1));
  const found: string[] = [];
  let rest = plain;
  for (const word of known) {
    if (rest.includes(word)) {
      found.push(word);
      rest = rest.replaceAll(word, " ".repeat(word.length));
    }
  }
  const left = [...rest].flatMap((character, index) => (character === " " ? [] : (given[index] ?? [])));
  const digits = left.filter((character) => /\p{N}/u.test(character));
  // A sign that is part of no word stands for no letter.
  const count = left.filter((character) => /[\p{L}\p{N}]/u.test(character)).length;
  const enough = Math.max(digits.length === count ? 8 : 4, (plain.length - left.length) / 2);
  return found.length > 0 && count <= enough ? found.join(", ") : undefined;
}

const replacements: Readonly<Record<string, string>> = {
  ...{ "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b" },
  ...{ "@": "a", $: "s", "!": "i", "€": "e", "|": "i", "+": "t" },
};

/**
 * Returns letters and digits alone, in one case, without accents, with letters for the digits and signs that replace them; and
 * the characters that were given in their places. Those beyond the basic plane are left out, so that each has one place.
 */
function plainForm(text: string): { plain: string; given: readonly string[] } {
  const folded = foldName(text.normalize("NFKC")).normalize("NFD");
  const characters = [...folded]
    .map((given) => ({ given, plain: replacements[given] ?? given }))
    .filter(({ plain }) => plain.length === 1 && /[\p{L}\p{N}]/u.test(plain));
  return { plain: characters.map(({ plain }) => plain).join(""), given: characters.map(({ given }) => given) };
}
