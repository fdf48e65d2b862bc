/**
 * Shortens a text to at most this many bytes of UTF-8, and marks the cut with "…". A character is never cut in half, and
 * lone surrogates, which no protocol can carry, become U+FFFD.
 */
export function shorten(text: string, maxBytes: number): string {
  // A UTF-16 code unit is at most three bytes.
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) {
    return text.toWellFormed();
  }
  const room = new Uint8Array(maxBytes - ellipsisBytes);
  return `${text.slice(0, utf8.encodeInto(text, room).read).toWellFormed()}…`;
}

const utf8 = new TextEncoder();
const ellipsisBytes = 3;
