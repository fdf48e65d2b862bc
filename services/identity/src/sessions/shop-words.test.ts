import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { builtInWords, mostlyWords, shopWords } from "./shop-words.ts";

describe("the words of a shop", () => {
  const wordsOf = (issuer: string, configured: string[] = []) =>
    shopWords({ issuer, configured }).slice(builtInWords.length);

  test.each([
    ["https://shop.acme-tools.example", ["shop", "acme-tools", "acme", "tools"]],
    ["https://acme.co.uk:8443", ["acme"]],
    ["http://localhost:8080", ["localhost"]],
    ["http://192.0.2.1", []],
    ["http://[2001:db8::1]:8080", []],
  ])("%s gives the labels of its host name", (issuer, expected) => {
    expect(wordsOf(issuer)).toEqual(expected);
  });

  test("that every shop has are documented", () => {
    const page = readFileSync(new URL("../../../../docs/security/sign-in.md", import.meta.url), "utf8");
    const [, section = ""] = /^## Words of the shop$(.*?)^## /ms.exec(page) ?? [];
    const documented = [...section.matchAll(/`([a-z]+)`/g)].map(([, word]) => word);
    expect(documented.toSorted()).toEqual(builtInWords.toSorted());
  });

  test("are also those that are configured", () => {
    expect(wordsOf("https://a.example", ["Blue Parrot"])).toEqual(["Blue Parrot"]);
  });
});

describe("a password that is mostly a word", () => {
  const words = shopWords({ issuer: "https://shop.acme-tools.example", configured: ["Blue Parrot", "Käse"] });

  test.each([
    ["Sagacart", "sagacart"],
    ["sagacart2026!", "sagacart"],
    ["S@gac4rt-2026", "sagacart"],
    ["ＳＡＧＡＣＡＲＴ", "sagacart"],
    ["s a g a c a r t 1", "sagacart"],
    ["sagacartsagacart", "sagacart"],
    ["acme shop 1", "acme, shop"],
    ["acmetools99", "acmetools"],
    ["BlueParrot1", "blueparrot"],
    ["Blue-P4rr0t-99", "blueparrot"],
    ["kasekase12", "kase"],
    ["KÄSE2026", "kase"],
    ["Administrator1", "administrator"],
    ["operator-12", "operator"],
    ["shop2026", "shop"],
    ["sagacart12345678", "sagacart"],
    ["sagacart acme tools ab cd ef", "acmetools, sagacart"],
  ])("%s is found", (password, expected) => {
    expect(mostlyWords(password, words)).toBe(expected);
  });

  test.each([
    "correct horse",
    "the operator's own",
    "sagacart horse",
    "sagacart 8273 9182 7",
    "sagacart horse battery",
    "my shop sells tools of iron",
    "the parrot is blue, mostly",
    "workshopper",
    "sagac art hor se bat tery",
    "",
    "!!!!!!!!",
  ])("%j is none", (password) => {
    expect(mostlyWords(password, words)).toBeUndefined();
  });
});
