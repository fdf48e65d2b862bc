import { afterAll, beforeAll, expect, test } from "vitest";
import { seed } from "../scripts/stack/seed.ts";
import { startShop, type TestShop } from "./support/shop.ts";

// The Wippy shop's surface: the commands of its README in order, and what its load script relies on.

let shop: TestShop;
let origin: string;

beforeAll(async () => {
  shop = await startShop();
  await seed(shop.stack);
  origin = `http://${shop.stack.addresses.gateway}`;
});
afterAll(() => shop?.[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: bodies have many shapes.
type Answer = { status: number; body: any; text: string };

async function send(method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${origin}${path}`, {
    method,
    // The load script also sends this header in checkouts, which have no body.
    headers: method === "POST" ? { "content-type": "application/json" } : {},
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text), text };
}

const add = (user: string, sku: string, quantity?: number) =>
  send("POST", `/api/cart/${user}/items`, { sku, ...(quantity === undefined ? {} : { quantity }) });

async function stockOf(sku: string): Promise<number> {
  const { body } = await send("GET", "/api/products");
  return body.products.find((product: { sku: string }) => product.sku === sku).stock;
}

test("the catalogue is the Wippy shop's", async () => {
  const { status, body } = await send("GET", "/api/products");
  expect(status).toBe(200);
  expect(body).toEqual({
    products: [
      { id: "app:product.laptop", title: "Laptop Pro 16", sku: "LAPTOP-001", price: 1499.99, stock: 50 },
      { id: "app:product.keyboard", title: "Mechanical Keyboard", sku: "KB-002", price: 149.99, stock: 200 },
      { id: "app:product.mouse", title: "Wireless Mouse", sku: "MOUSE-003", price: 79.99, stock: 300 },
      { id: "app:product.monitor", title: "4K Monitor 27", sku: "MON-004", price: 599.99, stock: 75 },
      { id: "app:product.headphones", title: "Noise-Cancelling Headphones", sku: "HP-005", price: 299.99, stock: 150 },
    ],
  });
});

test("an unregistered user fills a cart and buys it, and then the cart is gone", async () => {
  const before = await stockOf("LAPTOP-001");
  expect((await add("carol", "LAPTOP-001")).body).toEqual({
    status: "added",
    user_id: "carol",
    item: { sku: "LAPTOP-001", title: "Laptop Pro 16", price: 1499.99, quantity: 1 },
  });
  expect((await add("carol", "app:product.keyboard")).status).toBe(200);
  expect((await add("carol", "KB-002")).status).toBe(200);
  const items = [
    { sku: "LAPTOP-001", title: "Laptop Pro 16", price: 1499.99, quantity: 1 },
    { sku: "KB-002", title: "Mechanical Keyboard", price: 149.99, quantity: 2 },
  ];
  const cart = await send("GET", "/api/cart/carol");
  expect(cart.body).toEqual({ user_id: "carol", items, total: 1799.97 });
  expect(cart.text).toContain('"total":1799.97}');

  const { status, body } = await send("POST", "/api/cart/carol/checkout");
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: "checked_out", order: { user_id: "carol", items, total: 1799.97 } });
  expect(Math.abs(body.order.timestamp - Date.now() / 1000)).toBeLessThan(600);
  expect(await stockOf("LAPTOP-001")).toBe(before - 1);
  expect((await send("GET", `/api/orders/${body.order.id}`)).body).toMatchObject({
    status: "COMPLETED",
    total: 179_997,
  });

  expect((await send("GET", "/api/cart/carol")).body).toMatchObject({
    items: [],
    total: 0,
    message: expect.anything(),
  });
  const again = await send("POST", "/api/cart/carol/checkout");
  expect([again.status, again.body.error]).toEqual([400, "user carol has no cart"]);
  expect((await add("carol", "MOUSE-003")).status).toBe(200);
  expect((await send("GET", "/api/cart/carol")).body.total).toBe(79.99);
});

test("reading a cart does not create one", async () => {
  await send("GET", "/api/cart/looker");
  expect((await shop.shop.carts.listCarts({ customerId: "looker" })).carts).toEqual([]);
});

test.each([
  ["an unknown sku", { sku: "NOPE-000" }, 404],
  ["no sku", {}, 400],
  ["less than one", { sku: "KB-002", quantity: 0 }, 400],
])("%s is refused with an error and creates no cart", async (_what, body, status) => {
  const answer = await send("POST", "/api/cart/wrong/items", body);
  expect([answer.status, typeof answer.body.error]).toEqual([status, "string"]);
  expect((await shop.shop.carts.listCarts({ customerId: "wrong" })).carts).toEqual([]);
});

test("a sold-out checkout is refused, and the cart stays as it was", async () => {
  await add("greedy", "MON-004", 1_000);
  const { status, body } = await send("POST", "/api/cart/greedy/checkout");
  expect([status, body.reason]).toEqual([409, "OUT_OF_STOCK"]);
  expect(body.error).toContain("1000 asked for, 75 there");
  expect((await send("GET", "/api/cart/greedy")).body.items).toMatchObject([{ sku: "MON-004", quantity: 1_000 }]);
  expect(await stockOf("MON-004")).toBe(75);
});

test("a cart with many concurrent checkouts is bought once", async () => {
  const before = await stockOf("HP-005");
  await add("hasty", "HP-005");
  const answers = await Promise.all(Array.from({ length: 10 }, () => send("POST", "/api/cart/hasty/checkout")));
  const orders = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.order.id));
  const others = answers.filter(({ status }) => status !== 200).map(({ status, body }) => [status, body.reason]);
  expect(orders.size).toBe(1);
  expect(others.every(([status]) => status === 400 || status === 409)).toBe(true);
  expect(await stockOf("HP-005")).toBe(before - 1);
});

test("twenty concurrent users of the load script all buy what they added", async () => {
  const before = await stockOf("MOUSE-003");
  const bought = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const user = `user_${n}_0`;
      expect((await add(user, "MOUSE-003", 2)).status).toBe(200);
      return (await send("POST", `/api/cart/${user}/checkout`)).body.order.total;
    }),
  );
  expect(bought).toEqual(Array(20).fill(159.98));
  expect(await stockOf("MOUSE-003")).toBe(before - 40);
});

test("the laws hold after all tests of this file", async () => {
  expect(await shop.breaches()).toEqual([]);
});
