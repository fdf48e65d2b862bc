import { expect, test } from "vitest";
import { foldEmail, foldName } from "./fold.ts";

test.each([
  ["VICT", "vict"],
  ["ｖｉｃｔ", "vict"],
  ["Ｖict", "vict"],
  ["vi\u200bct", "vict"],
  ["vi\u00adct", "vict"],
  ["ﬁnn", "finn"],
  ["STRASSE", "straße"],
  ["ΣΊΣΥΦΟΣ", "σίσυφος"],
  ["Kelvin", "kelvin"],
  ["e\u0301ve", "ÉVE"],
])("%j is the same name as %j", (one, other) => {
  expect(foldName(one)).toBe(foldName(other));
});

test.each([
  ["vİct", "vict"],
  ["vıct", "vict"],
  ["vict", "víct"],
])("%j is another name than %j", (one, other) => {
  expect(foldName(one)).not.toBe(foldName(other));
});

test("folding twice changes nothing, for any letter, and both cases of it are the same", () => {
  const wrong: string[] = [];
  for (let code = 0x20; code < 0x1_1000; code++) {
    const letter = code >= 0xd800 && code < 0xe000 ? "x" : String.fromCodePoint(code);
    const folded = foldName(letter);
    if (foldName(folded) !== folded || (letter !== "ı" && foldName(letter.toUpperCase()) !== folded)) {
      wrong.push(code.toString(16));
    }
  }
  expect(wrong).toEqual([]);
});

test.each([
  ["Ada@Shop.Test", "ada@shop.test"],
  ["ada@BÜCHER.example", "ada@xn--bcher-kva.example"],
  ["ＡＤＡ@shop.test", "ada@shop.test"],
  ["no address", "NO address"],
])("%j is the same address as %j", (one, other) => {
  expect(foldEmail(one)).toBe(foldEmail(other));
});

test("the part before the @ of an address is not a domain", () => {
  expect(foldEmail("bücher@shop.test")).toBe("bücher@shop.test");
});
