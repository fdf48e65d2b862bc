/**
 * Returns a name as mails may show it: one line, or "" for a name in which a mail program could see a link or an address.
 * Strangers choose names, and anyone's address can be made to get a mail; "Hello prize.example/win" would have the shop send
 * their text.
 *
 * It looks for the shape of links and not for known top-level domains, as libraries do to make links: a greeting without a
 * name costs nothing, and a domain that is new next year would get through.
 */
export function mailName(name: string): string {
  const line = name.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
  // As readers see it: without invisible characters, and with full-width letters and dots as the usual ones.
  const seen = line.normalize("NFKC").replaceAll(/\p{Cf}|\p{Default_Ignorable_Code_Point}/gu, "");
  return linkLike.test(seen) ? "" : line;
}

// A path, a scheme or an address; or a dot right before a label of two characters or more, or between digits.
const linkLike = /[/\\@]|:\S|[.\u3002][\p{L}\p{M}\p{N}-]{2}|\p{N}[.\u3002]\p{N}/u;
