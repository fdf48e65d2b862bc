/**
 * Cuts a text to at most `maxLength` characters, counted as the contract's max_len and Postgres count them: as code points.
 * An emoji is kept or dropped as a whole, with its modifiers and joined parts: half a surrogate pair cannot be sent, and
 * half a family is another emoji. For a limit in bytes, as of an error, see shorten().
 */
export function truncate(text: string, maxLength: number): string {
  // A text of so few code units has no more code points.
  if (text.length <= maxLength && text.isWellFormed()) {
    return text;
  }
  const whole = text.toWellFormed();
  let length = 0;
  let end = 0;
  // A long text is not split whole: 64 code units for a character are more than any emoji has.
  for (const { segment, index } of graphemes.segment(whole.slice(0, (maxLength + 1) * 64))) {
    length += [...segment].length;
    if (length > maxLength) {
      return index === 0 ? firstCharacters(segment, maxLength) : whole.slice(0, end);
    }
    end = index + segment.length;
  }
  return whole.slice(0, end);
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Cuts a single grapheme that is too long, such as a letter under a pile of accents. */
function firstCharacters(segment: string, maxLength: number): string {
  return [...segment].slice(0, maxLength).join("");
}
