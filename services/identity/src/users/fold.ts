import { domainToASCII } from "node:url";

/**
 * Returns a user name as it is compared: two names with the same result are the same name. By Unicode's NFKC_Casefold, so
 * that full-width letters, ligatures and invisible characters make no difference, either.
 */
export function foldName(name: string): string {
  return casefold(
    casefold(name.normalize("NFKC"))
      .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
      .normalize("NFKC"),
  );
}

/** Returns an e-mail address as it is compared; a domain in Unicode is the same as in Punycode. */
export function foldEmail(email: string): string {
  const folded = foldName(email);
  const at = folded.lastIndexOf("@");
  const domain = folded.slice(at + 1);
  return at < 0 ? folded : `${folded.slice(0, at)}@${domainToASCII(domain) || domain}`;
}

/**
 * Node has no case folding. Upper case first makes ß the same as ss, and ς as σ; letter by letter, since lower case depends
 * on the place in a word. The Turkish ı is a letter of its own, not a small I.
 */
function casefold(text: string): string {
  return [...text].map((letter) => (letter === "ı" ? letter : letter.toUpperCase().toLowerCase())).join("");
}
