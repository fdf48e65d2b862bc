import { expect, test } from "vitest";
import { mailName } from "./mail-name.ts";

test.each([
  "Ada",
  "Ada Lovelace",
  "J. R. R. Tolkien",
  "J.R. Tolkien",
  "O'Neil",
  "Jean-Luc",
  "李雷",
  "José",
  "Ada L.",
  "",
])("a mail shows the name %j", (name) => {
  expect(mailName(name)).toBe(name);
});

test.each([
  "https://evil.example/win",
  "Ada, see http://evil.example",
  "evil.example",
  "www.evil.example",
  "evil.xn--p1ai",
  "пример.рф",
  "EVIL.COM",
  "evil．com",
  "evil。com",
  "e\u200bvil.\u200bcom",
  "evil.\u00adcom",
  "evil.\ufe0fcom",
  "evil\u2024com",
  "10.0.0.1",
  "evil.com:8080",
  "mailto:a",
  "javascript:x",
  "tel:+4912345",
  "ada@example.com",
  "evil/win",
  "//evil",
  "\\\\evil\\share",
  "evil\nhttps://evil.example",
])("a mail does not show %j as a name", (name) => {
  expect(mailName(name)).toBe("");
});

test("a name is one line", () => {
  expect(mailName(" Ada\r\nBcc\u2028 x\0 ")).toBe("Ada Bcc  x");
});
