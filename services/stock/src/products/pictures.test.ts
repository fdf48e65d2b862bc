import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failure, type TestStock, testStock } from "../testing/stock.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
});
afterAll(() => shop[Symbol.asyncDispose]());

const price = { currencyCode: "EUR", minorUnits: 1999n };
let made = 0;
const newProduct = (pictureUrl: string) => ({ id: `p-${++made}`, title: "A mug", price, pictureUrl });
const pictureOf = async (id: string) => (await shop.products.getProduct({ id })).product?.pictureUrl;

const good = [
  "",
  "https://images.example/mug.webp",
  "https://images.example",
  "https://images.example/",
  "https://images.example:8443/a/b/mug.webp?width=640&height=480",
  "https://xn--bcher-kva.example/b%C3%BCcher.jpg",
  "https://images.example/@shop/mug(1).png",
  "/assets/mug-Ab3_x-9z.svg",
  "/assets/pictures/2026/mug.webp",
  `https://images.example/${"m".repeat(1_976)}`,
];

const bad: [string, string][] = [
  ["http", "http://images.example/mug.webp"],
  ["no scheme", "//images.example/mug.webp"],
  ["a script", "javascript:alert(1)"],
  ["data", "data:image/svg+xml,<svg/>"],
  ["a user name", "https://user@images.example/mug.webp"],
  ["a password", "https://user:secret@images.example/mug.webp"],
  ["a fragment", "https://images.example/mug.webp#a"],
  ["a host in Unicode", "https://bücher.example/mug.webp"],
  ["no host", "https:///mug.webp"],
  ["a port that is none", "https://images.example:99999/mug.webp"],
  ["a space", "https://images.example/a mug.webp"],
  ["a quote", 'https://images.example/"><script>'],
  ["a backslash", "https://images.example\\@evil.test/"],
  ["a line break", "https://images.example/mug\n.webp"],
  ["NUL", "https://images.example/mug\0.webp"],
  ["a path upwards", "https://images.example/a/../mug.webp"],
  ["an encoded path upwards", "https://images.example/a/%2e%2e/mug.webp"],
  ["a path of the shop upwards", "/assets/../oidc/logout"],
  ["a path of the API", "/v1/products"],
  ["a path of the sign-in", "/oidc/logout"],
  ["the folder itself", "/assets/"],
  ["an empty part of a path", "/assets//mug.webp"],
  ["a path that begins with another host", "/assets//../../evil.test/mug.webp"],
  ["a relative path", "assets/mug.webp"],
  ["one that is too long", `https://images.example/${"m".repeat(1_978)}`],
];

describe.each(["create", "update", "put"] as const)("%s takes", (way) => {
  const give = async (pictureUrl: string) => {
    const product = newProduct(pictureUrl);
    if (way === "create") {
      await shop.products.createProduct({ product });
    } else if (way === "put") {
      await shop.products.batchPutProducts({ items: [{ product, onHand: 1 }] });
    } else {
      await shop.products.createProduct({ product: { ...product, pictureUrl: "/assets/before.svg" } });
      await shop.products.updateProduct({ product, updateMask: { paths: ["picture_url"] } });
    }
    return await pictureOf(product.id);
  };

  test.each(good)("the picture %j", async (url) => {
    expect(await give(url)).toBe(url);
  });

  test.each(bad)("no picture with %s", async (_what, url) => {
    const { reason, violations } = await failure(give(url));
    expect([reason, violations.length]).toEqual(["INVALID_ARGUMENT", 1]);
    expect(violations[0]?.field).toMatch(/picture_?[uU]rl$/);
  });
});

test("every answer has the picture, a change of it is a new version, and a repeat is none", async () => {
  const product = newProduct("/assets/mug.svg");
  const created = (await shop.products.createProduct({ product })).product;
  const change = { product: { id: product.id, pictureUrl: "https://images.example/mug.webp", etag: "1" } };

  const updated = (await shop.products.updateProduct(change)).product;
  const again = (await shop.products.updateProduct(change)).product;

  expect(created).toMatchObject({ pictureUrl: "/assets/mug.svg", etag: "1" });
  expect(updated).toMatchObject({ pictureUrl: "https://images.example/mug.webp", title: "A mug", etag: "2" });
  expect(again).toEqual(updated);
  const [found, batch, searched] = [
    (await shop.products.getProduct({ id: product.id })).product,
    (await shop.products.batchGetProducts({ ids: [product.id] })).products[0],
    (await shop.products.searchProducts({ query: product.id })).products.find(({ id }) => id === product.id),
  ];
  expect([found, batch, searched].map((each) => each?.pictureUrl)).toEqual(Array(3).fill(updated?.pictureUrl));
});

describe("a client that does not know pictures", () => {
  test("keeps the picture of a product that it puts, also of a deleted one, and of one whose SKU it changes", async () => {
    const [kept, deleted, renamed] = [1, 2, 3].map(() => newProduct("/assets/mug.svg"));
    const items = [kept!, deleted!, renamed!].map((product) => ({ product, onHand: 1 }));
    await shop.products.batchPutProducts({ items });
    await shop.products.deleteProduct({ id: deleted!.id });

    const put = [kept!, deleted!, { ...renamed!, sku: `sku-${made}` }].map(({ pictureUrl: _, ...product }) => ({
      product: { ...product, title: "Another mug" },
      onHand: 1,
    }));
    await shop.products.batchPutProducts({ items: put });

    for (const { product } of put) {
      expect((await shop.products.getProduct({ id: product.id })).product).toMatchObject({
        title: "Another mug",
        pictureUrl: "/assets/mug.svg",
      });
    }
  });

  test("makes no new version by putting the same product again", async () => {
    const { pictureUrl, ...product } = newProduct("/assets/mug.svg");
    await shop.products.createProduct({ product: { ...product, pictureUrl } });
    await shop.products.batchPutProducts({ items: [{ product, onHand: 1 }] });
    expect((await shop.products.getProduct({ id: product.id })).product).toMatchObject({ pictureUrl, etag: "1" });
  });

  test.each(["create", "put"] as const)("makes products without one: %s", async (way) => {
    const { pictureUrl: _, ...product } = newProduct("");
    if (way === "create") {
      expect((await shop.products.createProduct({ product })).product?.pictureUrl).toBe("");
    } else {
      await shop.products.batchPutProducts({ items: [{ product, onHand: 1 }] });
    }
    expect(await pictureOf(product.id)).toBe("");
  });

  test("changes a product without touching its picture", async () => {
    const { pictureUrl, ...product } = newProduct("/assets/mug.svg");
    await shop.products.createProduct({ product: { ...product, pictureUrl } });
    await shop.products.updateProduct({ product: { id: product.id, title: "Another mug" } });
    expect(await pictureOf(product.id)).toBe("/assets/mug.svg");
  });
});

test("an empty picture removes it, by each way to write a product", async () => {
  const remove = [
    (product: ReturnType<typeof newProduct>) =>
      shop.products.batchPutProducts({ items: [{ product: { ...product, pictureUrl: "" }, onHand: 1 }] }),
    ({ id }: { id: string }) => shop.products.updateProduct({ product: { id, pictureUrl: "" } }),
    ({ id }: { id: string }) =>
      shop.products.updateProduct({ product: { id }, updateMask: { paths: ["picture_url"] } }),
  ];
  for (const way of remove) {
    const product = newProduct("/assets/mug.svg");
    await shop.products.createProduct({ product });
    await way(product);
    expect(await pictureOf(product.id)).toBe("");
  }
});

test("a process of the version before neither loses the picture nor needs one", async () => {
  const product = newProduct("/assets/mug.svg");
  await shop.products.createProduct({ product });

  // As it changes and makes products.
  await shop.pool.query("update products set title = 'Another', version = version + 1 where id = $1", [product.id]);
  await shop.pool.query(
    `insert into products (id, sku, title, description, price_minor, currency, search_text)
     values ('old', 'old', 'Old', '', 1, 'EUR', 'old')`,
  );

  const { rows } = await shop.pool.query("select picture_url from products where id in ($1, 'old') order by id", [
    product.id,
  ]);
  expect(rows.map(({ picture_url: url }) => url)).toEqual(["", "/assets/mug.svg"]);
});
