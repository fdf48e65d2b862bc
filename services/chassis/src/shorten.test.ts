import { expect, test } from "vitest";
import { shorten } from "./shorten.ts";

test.each([
  ["abc", 3, "abc"],
  ["abcdef", 5, "ab…"],
  ["äöü", 6, "äöü"],
  ["äöüß", 7, "äö…"],
  ["🍎🍎🍎", 12, "🍎🍎🍎"],
  ["🍎🍎🍎", 11, "🍎🍎…"],
  ["🍎🍎🍎", 10, "🍎…"],
  ["a\ud83d", 9, "a\ufffd"],
  ["", 3, ""],
])("%j in %d bytes is %j", (text, maxBytes, short) => {
  expect(shorten(text, maxBytes)).toBe(short);
});

test("no cut is longer than asked for, wherever it falls", () => {
  const text = "a€🍎ä".repeat(50);
  for (let maxBytes = 3; maxBytes < 600; maxBytes++) {
    const short = shorten(text, maxBytes);
    expect(Buffer.byteLength(short)).toBeLessThanOrEqual(maxBytes);
    expect(short.isWellFormed()).toBe(true);
    expect(text.startsWith(short.replace("…", ""))).toBe(true);
  }
});
