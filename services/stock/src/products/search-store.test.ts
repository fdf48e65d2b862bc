import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestStock, testStock } from "../testing/stock.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
  const product = (id: string, title: string, description: string, minorUnits: bigint, currencyCode = "EUR") => ({
    product: { id, title, description, price: { currencyCode, minorUnits } },
  });
  await shop.products.batchPutProducts({
    items: [
      product("KB-002", "Mechanical Keyboard", "Clicks, and lights up like a lamp", 9900n),
      product("LAMP-1", "Lamp", "Gives light", 3000n),
      product("LAMP-2", "Desk lamp", "Gives light on a desk", 4500n),
      product("LAMP-3", "Lampshade", "100% cotton", 1500n),
      product("LAMP-4", "Headlamp", "Café Übergröße", 2500n, "USD"),
      product("NORTH", "Smørrebrød plate", "Made in Łódź by Đorđe", 700n),
      product("CREPE", "Crepe pan", "For creme brulee, naively", 800n),
      product("HINDI", "कप", "Ξενία", 900n),
      product("X_1", "Under_score", "50 % of it", 100n),
      product("X-1", "Underscore", "a\\b", 100n),
    ],
  });
});
afterAll(() => shop[Symbol.asyncDispose]());

const find = async (query: string, fields: object = {}) =>
  (await shop.products.searchProducts({ query, ...fields })).products.map(({ id }) => id);

test("the best match comes first: the title, a word of it, the start of one, the middle, the description", async () => {
  expect(await find("lamp")).toEqual(["LAMP-1", "LAMP-2", "LAMP-3", "LAMP-4", "KB-002"]);
  expect(await find("lamp-4")).toEqual(["LAMP-4"]);
});

test.each([
  ["each word must occur", "desk lamp", ["LAMP-2"]],
  ["in any field", "light kb", ["KB-002"]],
  ["a word counts once", "lampshade lampshade", ["LAMP-3"]],
  ["in any case, and in other scripts' too", "ÜBERGRÖSSE", []],
  ["in any case", "übergröße CAFÉ", ["LAMP-4"]],
  ["in either form of an accent", "cafe\u0301", ["LAMP-4"]],
  ["a per cent sign is itself", "0%", ["LAMP-3"]],
  ["without the accents that the text has", "cafe ubergroße", ["LAMP-4"]],
  ["with accents that the text has not", "crêpe crème brûlée naïvely", ["CREPE"]],
  ["with other accents", "càfë", ["LAMP-4"]],
  ["with decomposed accents that the text has not", "cre\u0302pe", ["CREPE"]],
  ["without strokes that the text has", "smorrebrod lodz dorde", ["NORTH"]],
  ["with strokes that the text has not", "crepe pæn", []],
  ["without Greek accents", "ξενια", ["HINDI"]],
  ["with the vowels of other scripts, which are no accents", "कप", ["HINDI"]],
  ["not without them", "काप", []],
  ["an underscore is itself", "r_s", ["X_1"]],
  ["a backslash is itself", "a\\b", ["X-1"]],
  ["spaces around do not count", "  \t headlamp \n", ["LAMP-4"]],
  ["one letter is enough", "~", []],
])("%s", async (_, query, ids) => {
  expect(await find(query)).toEqual(ids);
});

test("a search without words finds everything, oldest first", async () => {
  expect(await find("")).toEqual([
    "CREPE",
    "HINDI",
    "KB-002",
    "LAMP-1",
    "LAMP-2",
    "LAMP-3",
    "LAMP-4",
    "NORTH",
    "X-1",
    "X_1",
  ]);
});

test("a price range applies to its own currency", async () => {
  const eur = (minorUnits: bigint) => ({ currencyCode: "EUR", minorUnits });
  const usd = { currencyCode: "USD", minorUnits: 0n };

  expect(await find("lamp", { minPrice: eur(3000n) })).toEqual(["LAMP-1", "LAMP-2", "KB-002"]);
  expect(await find("lamp", { minPrice: eur(3000n), maxPrice: eur(4500n) })).toEqual(["LAMP-1", "LAMP-2"]);
  expect(await find("", { minPrice: usd })).toEqual(["LAMP-4"]);
  expect(await find("", { minPrice: usd, maxPrice: eur(9900n) })).toEqual([]);
});

test.each(["lamp", ""])("pages of a search for %j show each product once, in order", async (query) => {
  const all = await find(query);
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await shop.products.searchProducts({ query, pageSize: 2, pageToken });
    seen.push(...page.products.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");

  expect(seen).toEqual(all);
});
