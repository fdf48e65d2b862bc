import { Code } from "@connectrpc/connect";
import type { Reservation_Kind as Kind, Reservation_State as State } from "@sagacart/proto/stock/v1/reservation";
import type { Movement_Reason as Reason } from "@sagacart/proto/stock/v1/stock_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { failure, type TestStock, testStock } from "./testing/stock.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
  await shop.have({ pen: 9 });
});
afterAll(() => shop[Symbol.asyncDispose]());

const price = { currencyCode: "EUR", minorUnits: 1n };
const lines = [{ productId: "pen", quantity: 1 }];
const token = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString("base64url");
const put = (product: object, onHand = 1) =>
  shop.products.batchPutProducts({ items: [{ product: { id: "new", title: "x", price, ...product }, onHand }] });
const hold = (expireTime: { seconds: bigint; nanos: number }) =>
  shop.stock.batchReserve({ items: [{ orderId: "o", lines, expireTime }] });

test.each<[what: string, field: string, call: () => Promise<unknown>]>([
  ["a NUL in a title", "product.title", () => shop.products.createProduct({ product: { title: "a\0", price } })],
  ["a NUL in a description", "items[0].product.description", () => put({ description: "\0" })],
  ["a NUL in a reference", "reference", () => shop.stock.adjustStock({ productId: "pen", delta: 1, reference: "\0" })],
  ["a NUL in a search", "query", () => shop.products.searchProducts({ query: "\0" })],
  ["an id that is a path", "id", () => shop.products.getProduct({ id: ".." })],
  ["an id with a space", "items[0].product.id", () => put({ id: "a b" })],
  ["an id that is long", "items[0].product.id", () => put({ id: "x".repeat(64) })],
  ["a SKU with a quote", "items[0].product.sku", () => put({ sku: "'" })],
  ["a title that is long", "items[0].product.title", () => put({ title: "x".repeat(201) })],
  ["a price below zero", "items[0].product.price", () => put({ price: { currencyCode: "EUR", minorUnits: -1n } })],
  [
    "a price that is huge",
    "items[0].product.price.minor_units",
    () => put({ price: { currencyCode: "EUR", minorUnits: 2n ** 63n - 1n } }),
  ],
  [
    "a currency that is none",
    "items[0].product.price.currency_code",
    () => put({ price: { currencyCode: "eur", minorUnits: 1n } }),
  ],
  ...["ZZZ", "BGN", "DEM", "XAU", "XXX"].flatMap((currencyCode): [string, string, () => Promise<unknown>][] => {
    const money = { currencyCode, minorUnits: 1n };
    const product = { id: "pen", title: "x", price: money };
    const [price, at] = [`price in ${currencyCode}`, "product.price.currency_code"];
    return [
      [`a ${price}`, at, () => shop.products.createProduct({ product })],
      [`a new ${price}`, at, () => shop.products.updateProduct({ product })],
      [`a new ${price} alone`, at, () => shop.products.updateProduct({ product, updateMask: { paths: ["price"] } })],
      [`a ${price} in a batch`, `items[0].${at}`, () => put({ price: money })],
      [`a least ${price}`, "min_price.currency_code", () => shop.products.searchProducts({ minPrice: money })],
      [`a highest ${price}`, "max_price.currency_code", () => shop.products.searchProducts({ maxPrice: money })],
    ];
  }),
  ["more on hand than a level has", "items[0].on_hand", () => put({}, 1_000_000_001)],
  ["less than nothing on hand", "items[0].on_hand", () => put({}, -1)],
  ["a movement of nothing", "delta", () => shop.stock.adjustStock({ productId: "pen", delta: 0 })],
  ["a movement that is huge", "delta", () => shop.stock.adjustStock({ productId: "pen", delta: -2_147_483_648 })],
  ["a sale by a caller", "reason", () => shop.stock.adjustStock({ productId: "pen", delta: 1, reason: 4 as Reason })],
  ["an unknown reason", "reason", () => shop.stock.adjustStock({ productId: "pen", delta: 1, reason: 99 as Reason })],
  ["an unknown kind", "kind", () => shop.stock.reserveStock({ lines, kind: -7 as Kind })],
  ["an unknown state", "states[0]", () => shop.stock.listReservations({ states: [99 as State] })],
  [
    "a quantity of nothing",
    "items[0].lines[0].quantity",
    () => shop.stock.batchReserve({ items: [{ orderId: "o", lines: [{ productId: "pen", quantity: 0 }] }] }),
  ],
  [
    "a quantity that is huge",
    "items[0].lines[0].quantity",
    () => shop.stock.batchReserve({ items: [{ orderId: "o", lines: [{ productId: "pen", quantity: 2 ** 31 - 1 }] }] }),
  ],
  ["an order of nothing", "items[0].lines", () => shop.stock.batchReserve({ items: [{ orderId: "o", lines: [] }] })],
  ["an empty batch", "order_ids", () => shop.stock.batchCommit({ orderIds: [] })],
  ["an expiry after all time", "items[0].expire_time", () => hold({ seconds: 2n ** 63n - 1n, nanos: 0 })],
  ["an expiry before all time", "items[0].expire_time", () => hold({ seconds: -(2n ** 63n), nanos: 0 })],
  ["an expiry with too many nanos", "items[0].expire_time", () => hold({ seconds: 0n, nanos: 2 ** 31 - 1 })],
  ["a page of less than nothing", "page_size", () => shop.products.listProducts({ pageSize: -1 })],
  [
    "a request id with a space",
    "request_id",
    () => shop.products.createProduct({ product: { title: "x", price }, requestId: " " }),
  ],
])("%s is refused with the name of the field", async (_, field, call) => {
  const { code, reason, violations } = await failure(call());

  expect({ code, reason }).toEqual({ code: Code.InvalidArgument, reason: "INVALID_ARGUMENT" });
  expect(violations.map((violation) => violation.field)).toEqual([field]);
});

test.each<[what: string, call: () => Promise<unknown>]>([
  [
    "a number no table has",
    () => shop.stock.listMovements({ productId: "pen", pageToken: token("movements of pen", "9999999999999999999") }),
  ],
  [
    "a negative number no table has",
    () => shop.stock.listMovements({ productId: "pen", pageToken: token("movements of pen", "-9999999999999999999") }),
  ],
  ["an id with a NUL", () => shop.products.listProducts({ pageToken: token("products", "\0") })],
  ["another kind of key", () => shop.products.listProducts({ pageToken: token("products", 1) })],
  ["an object", () => shop.products.listProducts({ pageToken: token({}) })],
  ["another list", () => shop.stock.listReservations({ pageToken: token("products", "pen") })],
])("an invented page token, %s, is refused", async (_, call) => {
  expect(await failure(call())).toMatchObject({ code: Code.InvalidArgument, reason: "BAD_PAGE_TOKEN" });
});

test.each<[what: string, call: () => Promise<unknown>]>([
  ["a time in the far future", () => hold({ seconds: 253_402_300_799n, nanos: 999_999_999 })],
  [
    "a time in the far past",
    () =>
      shop.stock.batchReserve({
        items: [{ orderId: "past", lines, expireTime: { seconds: -62_135_596_800n, nanos: 0 } }],
      }),
  ],
  ["an order a hundred times", () => shop.stock.batchRelease({ orderIds: Array.from({ length: 100 }, () => "again") })],
  [
    "output-only fields",
    () => put({ onHand: -5, reserved: 2 ** 31 - 1, createTime: { seconds: 2n ** 62n, nanos: -1 } }),
  ],
  ["half a letter", () => put({ title: "\ud800" })],
  [
    "every sign there is in a search",
    () => shop.products.searchProducts({ query: "%_\\'\"&|!():*<->\u0001\u2028 😀" }),
  ],
  [
    "a hundred words in a search",
    () =>
      shop.products.searchProducts({
        query: Array.from({ length: 100 }, (_, i) => String.fromCharCode(200 + i)).join(" "),
      }),
  ],
  ["a page of a product that never was", () => shop.products.listProducts({ pageToken: token("products", "never") })],
])("%s is answered", async (_, call) => {
  await expect(call()).resolves.toBeDefined();
});
