import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestSurfaces, type TestSurfaces } from "./testing/surfaces.ts";

let standIn: StandIn;
let surfaces: TestSurfaces;
beforeAll(async () => {
  standIn = await startStandIn();
  surfaces = await startTestSurfaces(standIn.address);
});
afterAll(async () => {
  await surfaces[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

/** Each request of the surfaces in whose body an amount or a quantity is meant: with it, and whether it may be left out. */
const bodies: [request: string, field: string, body: (amount: unknown) => object, isOptional: boolean][] = [
  ["POST /api/payments", "amount", (amount) => ({ customerId: "c", amount }), false],
  ["POST /api/payments/p/refund", "amount", (amount) => ({ amount }), true],
  ["POST /api/inventory/p/reserve", "quantity", (quantity) => ({ quantity }), false],
  ["POST /api/inventory/p/release", "quantity", (quantity) => ({ quantity }), false],
  ["POST /api/orders", "quantity", (quantity) => ({ customerId: "c", items: [{ productId: "p", quantity }] }), false],
  ["POST /api/v1/products", "price", (price) => ({ name: "x", price, stock: 1 }), false],
  ["POST /api/v1/products", "stock", (stock) => ({ name: "x", price: 1, stock }), false],
  ["PUT /api/v1/products/p", "price", (price) => ({ name: "x", price }), true],
  ["PUT /api/v1/products/p", "stock", (stock) => ({ name: "x", stock }), true],
  ["POST /api/v1/products/p/reserve", "quantity", (quantity) => ({ quantity }), false],
  ["POST /api/v1/products/p/release", "quantity", (quantity) => ({ quantity }), false],
  ["POST /api/v1/orders", "quantity", (quantity) => ({ userId: "u", items: [{ productId: "p", quantity }] }), false],
  ["POST /api/cart/u/items", "quantity", (quantity) => ({ sku: "s", quantity }), true],
];
const noAmounts = [
  null,
  "",
  " ",
  "0x64",
  "0b1",
  "1e1",
  "+1",
  "1 ",
  " 1",
  "1,5",
  "１",
  "NaN",
  -1,
  "-1",
  true,
  [],
  {},
  [1],
];

describe.each(bodies)("%s, %s", (request, field, body, isOptional) => {
  test("refuses what is no amount, by its name, and asks no service", async () => {
    const before = standIn.asked.length;
    for (const amount of isOptional ? noAmounts : [...noAmounts, undefined]) {
      const answer = await surfaces.send(request, { body: body(amount) });
      expect({ amount, status: answer.status }).toEqual({ amount, status: 400 });
      expect(JSON.stringify(answer.body), String(amount)).toContain(field);
    }
    expect(standIn.asked.slice(before)).toEqual([]);
  });
});

const paths = [
  "POST /payment/add_funds/u/%",
  "POST /payment/pay/u/%",
  "POST /payment/batch_init/1/%",
  "POST /stock/item/create/%",
  "POST /stock/add/i/%",
  "POST /stock/subtract/i/%",
  "POST /stock/batch_init/1/%/1",
  "POST /stock/batch_init/1/1/%",
  "POST /orders/addItem/o/i/%",
  "POST /orders/batch_init/1/1/1/%",
];

test.each(paths)("%s takes digits only", async (template) => {
  for (const amount of ["0x64", "1e1", "%20", "%2B1", "1.0", "null", "NaN", "1%20", "-1", "%EF%BC%91"]) {
    const { status } = await surfaces.send(template.replace("%", amount));
    expect({ amount, status }).toEqual({ amount, status: 400 });
  }
});

test.each(["minPrice=0x5", "minPrice=1e1", "minPrice=", "maxPrice=%205", "maxPrice=null", "maxPrice=-1"])(
  "a search with %s is refused",
  async (query) => {
    expect((await surfaces.send(`GET /api/v1/products/search?${query}`)).status).toBe(400);
  },
);

test("a service that cannot be reached is told without its address, on each surface", async () => {
  await using alone = await startTestSurfaces("127.0.0.1:1");
  const requests: [string, object?][] = [
    ["GET /stock/find/i"],
    ["GET /payment/find_user/u"],
    ["POST /orders/create/u"],
    ["GET /api/products"],
    ["GET /api/cart/u"],
    ["GET /api/inventory/p"],
    ["POST /api/payments", { customerId: "c", amount: 1 }],
    ["POST /api/orders", { customerId: "c", items: [{ productId: "p", quantity: 1 }] }],
    ["GET /api/v1/products/p"],
    ["POST /api/v1/login", { username: "ada", password: "secret-1" }],
  ];
  for (const [request, body] of requests) {
    const answer = await alone.send(request, body === undefined ? {} : { body });
    expect({ request, status: answer.status }).toEqual({ request, status: 503 });
    expect(JSON.stringify(answer.body), request).not.toMatch(/ECONN|127\.0\.0\.1|localhost|\w:\d{2,5}\b|[Rr]esolution/);
  }
});
