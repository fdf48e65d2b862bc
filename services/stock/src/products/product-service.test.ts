import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { breaches, failure, type TestStock, testStock } from "../testing/stock.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
});
afterAll(async () => {
  expect(await breaches(shop.pool)).toEqual([]);
  await shop[Symbol.asyncDispose]();
});

const price = { currencyCode: "EUR", minorUnits: 1999n };
const make = (id: string, fields: object = {}) =>
  shop.products.createProduct({ product: { id, title: `A ${id}`, price, ...fields } });

test("a product is created with its stock as a receipt", async () => {
  const { product } = await shop.products.createProduct({
    product: { id: "mug", title: "A mug", description: "For tea", price, onHand: 7 },
    initialOnHand: 3,
  });

  expect(product).toMatchObject({ id: "mug", sku: "mug", title: "A mug", description: "For tea", price });
  expect(product).toMatchObject({ onHand: 3, reserved: 0, available: 3, etag: "1" });
  expect((await shop.products.getProduct({ id: "mug" })).product).toEqual(product);
  const { movements } = await shop.stock.listMovements({ productId: "mug" });
  expect(movements).toMatchObject([{ productId: "mug", delta: 3, reason: 1, reference: "" }]);
});

test("a product without an id gets one", async () => {
  const { product } = await make("");

  expect(product?.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(product?.sku).toBe(product?.id);
});

test("a product is created once per request id, and other content under that id is refused", async () => {
  const request = { product: { title: "Once", price }, initialOnHand: 2, requestId: "make-once" };
  const first = await shop.products.createProduct(request);
  const again = await shop.products.createProduct(request);
  const other = await failure(shop.products.createProduct({ ...request, initialOnHand: 3 }));

  expect(again).toEqual(first);
  expect(other).toMatchObject({ code: Code.FailedPrecondition, reason: "REQUEST_ID_REUSED", domain: "stock.sagacart" });
});

test("a failure is remembered with its request id", async () => {
  await make("remembered");
  const request = { product: { id: "new-one", sku: "remembered", title: "x", price }, requestId: "failed-once" };
  const first = await failure(shop.products.createProduct(request));
  await shop.products.deleteProduct({ id: "remembered" });

  expect(await failure(shop.products.createProduct(request))).toEqual(first);
});

test.each([
  ["id", { id: "taken" }, "there is, or was, a product taken; choose a new id"],
  ["SKU", { id: "other", sku: "taken" }, "another product has the SKU taken; choose a new one"],
])("a product whose %s is taken is refused", async (_, fields, message) => {
  await make("taken").catch(() => {});

  const refused = await failure(make("", fields));

  expect(refused).toMatchObject({ code: Code.AlreadyExists, reason: "PRODUCT_EXISTS", message });
});

test("a product without title or price is refused", async () => {
  expect(await failure(shop.products.createProduct({ product: { price } }))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: "product", ruleId: "product.title" }],
  });
  expect(await failure(shop.products.createProduct({ product: { title: "x" } }))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: "product", ruleId: "product.price" }],
  });
});

test("an unknown product is not found, and left out of a batch", async () => {
  await make("there", { sku: "sku-there" });

  expect(await failure(shop.products.getProduct({ id: "nowhere" }))).toMatchObject({
    code: Code.NotFound,
    reason: "PRODUCT_NOT_FOUND",
    metadata: { product_id: "nowhere" },
  });
  const { products } = await shop.products.batchGetProducts({
    ids: ["nowhere", "there", "there"],
    skus: ["sku-there", "no-such-sku"],
  });
  expect(products.map(({ id }) => id)).toEqual(["there"]);
});

test("an update changes what the mask names, and nothing else", async () => {
  await make("desk", { description: "Of oak" });

  const { product } = await shop.products.updateProduct({
    product: { id: "desk", title: "Not this", price: { currencyCode: "USD", minorUnits: 5n } },
    updateMask: { paths: ["price", "description"] },
  });

  expect(product).toMatchObject({ title: "A desk", description: "", sku: "desk", etag: "2" });
  expect(product?.price).toMatchObject({ currencyCode: "USD", minorUnits: 5n });
});

test("an update without a mask changes what is set", async () => {
  await make("chair", { description: "Of oak" });

  const { product } = await shop.products.updateProduct({ product: { id: "chair", sku: "chair-2" } });

  expect(product).toMatchObject({ title: "A chair", description: "Of oak", sku: "chair-2", etag: "2" });
});

test("an update that changes nothing makes no new version", async () => {
  await make("same");

  const { product } = await shop.products.updateProduct({ product: { id: "same", title: "A same" } });

  expect(product?.etag).toBe("1");
});

test("an update of an older version is refused, and a repeat of the update that made the version is not", async () => {
  await make("lamp");
  const update = { product: { id: "lamp", title: "Bright", etag: "1" } };
  await shop.products.updateProduct(update);

  const again = await shop.products.updateProduct(update);
  const late = await failure(shop.products.updateProduct({ product: { id: "lamp", title: "Dim", etag: "1" } }));

  expect(again.product).toMatchObject({ title: "Bright", etag: "2" });
  expect(late).toMatchObject({
    code: Code.Aborted,
    reason: "ETAG_MISMATCH",
    message: "product lamp is at version 2 now; read it and apply the change again",
    metadata: { product_id: "lamp", etag: "2" },
  });
});

test("an update is refused for an unknown product, a SKU that is taken, a field that cannot change", async () => {
  await make("one");
  await make("two");
  const update = (product: object, paths: string[] = []) =>
    failure(shop.products.updateProduct({ product, updateMask: { paths } }));

  expect(await update({ id: "nowhere", title: "x" })).toMatchObject({ reason: "PRODUCT_NOT_FOUND" });
  expect(await update({ id: "one", sku: "two" })).toMatchObject({ reason: "PRODUCT_EXISTS", metadata: { sku: "two" } });
  expect(await update({ id: "one" }, ["on_hand"])).toMatchObject({
    code: Code.InvalidArgument,
    reason: "UNKNOWN_FIELD",
    message:
      'update_mask names "on_hand"; the fields that can be changed are sku, title, description, price, picture_url',
  });
  expect(await update({ id: "one" }, ["title"])).toMatchObject({ violations: [{ field: "product.title" }] });
  expect(await update({ id: "one" }, ["price"])).toMatchObject({ violations: [{ field: "product.price" }] });
});

test("a deleted product leaves the catalogue, frees its SKU, and keeps its id taken", async () => {
  await shop.products.createProduct({
    product: { id: "gone", sku: "gone-sku", title: "Gone", price },
    initialOnHand: 2,
  });
  await shop.products.deleteProduct({ id: "gone" });

  expect(await failure(shop.products.getProduct({ id: "gone" }))).toMatchObject({ reason: "PRODUCT_NOT_FOUND" });
  expect(await failure(shop.products.updateProduct({ product: { id: "gone", title: "x" } }))).toMatchObject({
    reason: "PRODUCT_NOT_FOUND",
  });
  expect((await shop.products.batchGetProducts({ ids: ["gone"], skus: ["gone-sku"] })).products).toEqual([]);
  expect((await shop.products.searchProducts({ query: "gone-sku" })).products).toEqual([]);
  expect(await failure(make("gone"))).toMatchObject({ reason: "PRODUCT_EXISTS" });
  expect((await make("heir", { sku: "gone-sku" })).product?.sku).toBe("gone-sku");
  expect(await failure(shop.stock.adjustStock({ productId: "gone", delta: 1 }))).toMatchObject({
    reason: "PRODUCT_NOT_FOUND",
  });
  expect(await failure(shop.stock.reserveStock({ lines: [{ productId: "gone", quantity: 1 }] }))).toMatchObject({
    reason: "PRODUCT_NOT_FOUND",
  });
  expect((await shop.stock.listMovements({ productId: "gone" })).movements).toHaveLength(1);
});

test("a deletion is idempotent, checks its etag, and needs a product", async () => {
  await make("short-lived");

  expect(await failure(shop.products.deleteProduct({ id: "short-lived", etag: "9" }))).toMatchObject({
    code: Code.Aborted,
    reason: "ETAG_MISMATCH",
  });
  await shop.products.deleteProduct({ id: "short-lived", etag: "1" });
  await shop.products.deleteProduct({ id: "short-lived", etag: "1" });
  expect(await failure(shop.products.deleteProduct({ id: "nowhere" }))).toMatchObject({ reason: "PRODUCT_NOT_FOUND" });
});

test("a product is not deleted while some of it is reserved", async () => {
  await shop.have({ wanted: 3 });
  await shop.stock.reserveStock({ id: "hold-wanted", lines: [{ productId: "wanted", quantity: 2 }] });

  expect(await failure(shop.products.deleteProduct({ id: "wanted" }))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "PRODUCT_RESERVED",
    message: "2 of product wanted are reserved; release these reservations first",
    metadata: { product_id: "wanted", reserved: "2" },
  });
  await shop.stock.releaseReservation({ id: "hold-wanted" });
  await shop.products.deleteProduct({ id: "wanted" });
});

test("the catalogue is listed oldest first, page by page, each product once", async () => {
  await using other = await testStock();
  await other.have(Object.fromEntries(["d", "b", "e", "a", "c"].map((id) => [id, 1])));
  await other.products.deleteProduct({ id: "b" });
  await other.products.createProduct({ product: { id: "_last", title: "x", price } });

  const first = await other.products.listProducts({ pageSize: 2 });
  const second = await other.products.listProducts({ pageSize: 3, pageToken: first.nextPageToken });

  expect([...first.products, ...second.products].map(({ id }) => id)).toEqual(["a", "c", "d", "e", "_last"]);
  expect(second.nextPageToken).toBe("");
});

test("a page is shorter if products are long, so that the response fits", async () => {
  await using other = await testStock();
  const items = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      product: { id: `p${index}`, title: "Long", description: "語".repeat(10_000), price },
    }));
  await other.products.batchPutProducts({ items: items(120) });

  const first = await other.products.listProducts({ pageSize: 200 });
  const second = await other.products.listProducts({ pageSize: 200, pageToken: first.nextPageToken });

  expect(first.products.length).toBeLessThan(120);
  expect(first.products.length + second.products.length).toBe(120);
});

test("a page token of another list, or an invented one, is refused", async () => {
  const { nextPageToken } = await shop.products.listProducts({ pageSize: 1 });
  const forged = Buffer.from(JSON.stringify(["products", "\0"])).toString("base64url");
  const badToken = { code: Code.InvalidArgument, reason: "BAD_PAGE_TOKEN" };

  expect(await failure(shop.products.searchProducts({ pageToken: nextPageToken }))).toMatchObject(badToken);
  expect(await failure(shop.products.listProducts({ pageToken: "what" }))).toMatchObject(badToken);
  expect(await failure(shop.products.listProducts({ pageToken: forged }))).toMatchObject(badToken);
});

const item = (id: string, onHand: number, fields: object = {}) => ({
  product: { id, title: id, price, ...fields },
  onHand,
});

test("a batch creates and overwrites products, and sets what is on hand by movements", async () => {
  await shop.products.batchPutProducts({ items: [item("put-a", 5), item("put-b", 0)] });
  const { count } = await shop.products.batchPutProducts({
    items: [item("put-c", 1), item("put-b", 4), item("put-a", 3, { title: "New" })],
  });

  expect(count).toBe(3);
  expect((await shop.products.getProduct({ id: "put-a" })).product).toMatchObject({
    title: "New",
    onHand: 3,
    etag: "2",
  });
  expect((await shop.products.getProduct({ id: "put-b" })).product).toMatchObject({ onHand: 4, etag: "1" });
  const { movements } = await shop.stock.listMovements({ productId: "put-a" });
  expect(movements.map(({ delta, reason }) => [delta, reason])).toEqual([
    [-2, 2],
    [5, 1],
  ]);
});

test("putting the same products again changes nothing", async () => {
  const items = [item("calm-a", 5), item("calm-b", 0)];
  await shop.products.batchPutProducts({ items });
  const before = await shop.products.batchGetProducts({ ids: ["calm-a", "calm-b"] });

  await shop.products.batchPutProducts({ items });

  expect(await shop.products.batchGetProducts({ ids: ["calm-a", "calm-b"] })).toEqual(before);
  expect((await shop.stock.listMovements({ productId: "calm-a" })).movements).toHaveLength(1);
});

test("putting a deleted product restores it", async () => {
  await shop.have({ phoenix: 2 });
  await shop.products.deleteProduct({ id: "phoenix" });

  await shop.have({ phoenix: 3 });

  expect(await shop.level("phoenix")).toEqual([3, 0]);
  await shop.stock.reserveStock({ lines: [{ productId: "phoenix", quantity: 3 }] });
});

test("products may swap their SKUs in one batch", async () => {
  await shop.products.batchPutProducts({ items: [item("swap-a", 0, { sku: "x1" }), item("swap-b", 0, { sku: "x2" })] });
  await shop.products.batchPutProducts({ items: [item("swap-a", 0, { sku: "x2" }), item("swap-b", 0, { sku: "x1" })] });

  const { products } = await shop.products.batchGetProducts({ skus: ["x1", "x2"] });
  expect(products.map(({ id, sku }) => [id, sku])).toEqual([
    ["swap-a", "x2"],
    ["swap-b", "x1"],
  ]);
});

test("a batch of products is all or nothing: a taken SKU, or less on hand than is reserved, refuses it", async () => {
  await shop.have({ busy: 5 });
  await shop.stock.reserveStock({ lines: [{ productId: "busy", quantity: 3 }] });

  const taken = await failure(
    shop.products.batchPutProducts({ items: [item("nothing-1", 1), item("thief", 1, { sku: "busy" })] }),
  );
  const short = await failure(shop.products.batchPutProducts({ items: [item("nothing-2", 1), item("busy", 2)] }));

  expect(taken).toMatchObject({ code: Code.AlreadyExists, reason: "PRODUCT_EXISTS", metadata: { sku: "busy" } });
  expect(short).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "PRODUCT_RESERVED",
    message: "3 of product busy are reserved, more than the 2 that shall be on hand",
  });
  expect((await shop.products.batchGetProducts({ ids: ["nothing-1", "nothing-2", "thief"] })).products).toEqual([]);
});

test("a batch that names a product twice is refused", async () => {
  const twice = await failure(shop.products.batchPutProducts({ items: [item("twin", 1), item("twin", 2)] }));

  expect(twice).toMatchObject({ code: Code.InvalidArgument, reason: "NAMED_TWICE" });
});

test("concurrent puts of the same new products are never refused for their own SKUs", async () => {
  for (let round = 0; round < 30; round++) {
    const items = Array.from({ length: 300 }, (_, index) => item(`same-${round}-${index}`, 1));
    const callers = [items, items, items.toReversed(), items.slice(100), items.slice(0, 200), items];
    await Promise.all(callers.map((items) => shop.products.batchPutProducts({ items })));
  }
});

test("a SKU of another product refuses the batch, for new and for existing products", async () => {
  await shop.products.batchPutProducts({ items: [item("owner", 1, { sku: "owned" }), item("there", 1)] });
  for (const id of ["there", "not-there"]) {
    const items = [item("bystander", 1), item(id, 1, { sku: "owned" })];
    expect(await failure(shop.products.batchPutProducts({ items }))).toMatchObject({
      reason: "PRODUCT_EXISTS",
      metadata: { sku: "owned" },
    });
  }
  expect(await failure(shop.products.getProduct({ id: "bystander" }))).toMatchObject({ code: Code.NotFound });
});

test("several callers put five thousand products at once, in any order", async () => {
  await using other = await testStock();
  const items = Array.from({ length: 5_000 }, (_, index) => item(`p${index}`, index % 7));
  const callers = [items, items.toReversed(), items.slice(1_000), items.slice(0, 2_000)];

  await Promise.all(callers.map((items) => other.products.batchPutProducts({ items })));

  const { rows } = await other.pool.query<{ count: bigint; sum: bigint }>(
    "select count(*), sum(on_hand) from levels join products on id = product_id where version = 1",
  );
  expect(rows).toEqual([{ count: 5_000n, sum: BigInt(items.reduce((sum, { onHand }) => sum + onHand, 0)) }]);
  expect(await breaches(other.pool)).toEqual([]);
});

test.each([
  ["created", () => make("case-3", { sku: "Case-SKU" })],
  ["given to another one", () => shop.products.updateProduct({ product: { id: "case-2", sku: "CASE-sku" } })],
  ["put", () => shop.products.batchPutProducts({ items: [item("case-4", 0, { sku: "CASE-SKU" })] })],
  [
    "put twice at once",
    () =>
      shop.products.batchPutProducts({
        items: [item("case-5", 0, { sku: "twice" }), item("case-6", 0, { sku: "Twice" })],
      }),
  ],
])("a SKU that differs in case only from another product's is refused when it is %s", async (_, call) => {
  await shop.products.batchPutProducts({ items: [item("case-1", 0, { sku: "case-sku" }), item("case-2", 0)] });
  expect(await failure(call())).toMatchObject({ code: Code.AlreadyExists, reason: "PRODUCT_EXISTS" });
});

test("a product's own SKU may change its case, and one that is free again may be used in any", async () => {
  await make("recase", { sku: "recased" });
  const { product } = await shop.products.updateProduct({ product: { id: "recase", sku: "RECASED" } });
  expect(product?.sku).toBe("RECASED");
  await shop.products.deleteProduct({ id: "recase" });
  expect((await make("recase-2", { sku: "Recased" })).product?.sku).toBe("Recased");
});

test.each(["", " ", "\u3000", "\u200b", "\u2800", "\n"])("the title %j is refused", async (title) => {
  expect(await failure(make("untitled", { title }))).toMatchObject({ code: Code.InvalidArgument });
  await shop.products.batchPutProducts({ items: [item("titled", 0)] });
  const update = { product: { id: "titled", title }, updateMask: { paths: ["title"] } };
  expect(await failure(shop.products.updateProduct(update))).toMatchObject({ code: Code.InvalidArgument });
  const put = shop.products.batchPutProducts({ items: [item("untitled", 0, { title })] });
  expect(await failure(put)).toMatchObject({ code: Code.InvalidArgument });
});
