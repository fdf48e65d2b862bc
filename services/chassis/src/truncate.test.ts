import { expect, test } from "vitest";
import { truncate } from "./truncate.ts";

const family = "👨‍👩‍👧‍👦";

test.each([
  ["a short text is kept", "abc", 3, "abc"],
  ["a long one is cut", "abcd", 3, "abc"],
  ["an emoji counts once", "🎉🎉🎉", 3, "🎉🎉🎉"],
  ["an emoji is kept whole", "🎉🎉🎉🎉", 3, "🎉🎉🎉"],
  ["an emoji after letters is dropped whole", `ab${family}`, 3, "ab"],
  ["a joined emoji that fits is kept", `${family}b`, 7, family],
  ["a skin tone stays with its hand", "a👍🏽", 2, "a"],
  ["a flag is not halved", "a🇩🇪", 2, "a"],
  ["an accent stays with its letter", "ae\u0301", 2, "a"],
  ["a pile of accents is cut", `e${"\u0301".repeat(10)}`, 3, "e\u0301\u0301"],
  ["half a surrogate pair is replaced", "a\ud83d", 5, "a\ufffd"],
  ["nothing is left of nothing", "", 3, ""],
  ["nothing is asked for", "abc", 0, ""],
])("%s", (_, text, maxLength, expected) => {
  expect(truncate(text, maxLength)).toBe(expected);
});

test("every cut of a text of emoji is well-formed and short enough", () => {
  const text = `a🎉${family}e\u0301🇩🇪👍🏽`.repeat(50);
  for (let maxLength = 0; maxLength < 400; maxLength++) {
    const cut = truncate(text, maxLength);
    expect([cut.isWellFormed(), [...cut].length <= maxLength, text.startsWith(cut)]).toEqual([true, true, true]);
  }
});

test("a text of megabytes is cut at once", () => {
  const startedAt = performance.now();
  expect(truncate("🎉".repeat(1_000_000), 100)).toBe("🎉".repeat(100));
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});
