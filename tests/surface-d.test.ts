import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCustomer, usd } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// The Dapr example's surface: its saga (create, reserve, pay, ship, complete) and its compensations.

let shop: TestShop;
let origin: string;

beforeAll(async () => {
  shop = await startShop();
  origin = `http://${shop.stack.addresses.gateway}`;
});
afterAll(() => shop?.[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: bodies have many shapes.
type Answer = { status: number; body: any };

async function send(method: string, path: string, body?: object, key?: string): Promise<Answer> {
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function createProduct(onHand: number): Promise<string> {
  const product = { title: "Thing", price: usd(250n) };
  return (await shop.shop.products.createProduct({ product, initialOnHand: onHand })).product!.id;
}

async function createCustomer(money: number): Promise<string> {
  return await makeCustomer(shop.shop, BigInt(money));
}

async function balanceOf(customerId: string): Promise<number> {
  const { account } = await shop.shop.accounts.getAccount({ customerId });
  return Number(account!.balance!.minorUnits);
}

const address = {
  recipient: "Ada",
  line1: "1 Main Street",
  city: "Springfield",
  postalCode: "12345",
  countryCode: "US",
};

test("an order runs the whole saga, and its status has the history", async () => {
  const productId = await createProduct(5);
  const customerId = await createCustomer(1_000);
  const order = { customerId, items: [{ productId, quantity: 2 }], address };
  const { status, body } = await send("POST", "/api/orders", order, "key-1");
  expect([status, body.status, body.total, body.reason]).toEqual([201, "COMPLETED", 500, null]);
  expect(body.trackingNumber).not.toBeNull();
  expect(await balanceOf(customerId)).toBe(500);
  expect((await send("GET", `/api/inventory/${productId}`)).body).toMatchObject({ onHand: 3, available: 3 });
  const { body: progress } = await send("GET", `/api/orders/${body.id}/status`);
  expect(progress).toMatchObject({
    status: "COMPLETED",
    final: true,
    step: null,
    compensating: false,
    compensation: null,
  });
  expect(progress.steps.every(({ state }: { state: string }) => state === "DONE")).toBe(true);
  expect(progress.changes.map((change: { status: string }) => change.status)).toEqual([
    "PENDING",
    "RESERVED",
    "PAID",
    "SHIPPING",
    "COMPLETED",
  ]);
  const again = await send("POST", "/api/orders", order, "key-1");
  expect([again.status, again.body.id]).toEqual([201, body.id]);
  expect(await balanceOf(customerId)).toBe(500);
  expect(await send("POST", "/api/orders", { ...order, items: [{ productId, quantity: 1 }] }, "key-1")).toMatchObject({
    status: 422,
    body: { reason: "REQUEST_ID_REUSED" },
  });
});

test.each([
  ["sold out: nothing is charged", 10_000, { quantity: 6 }, {}, "OUT_OF_STOCK"],
  ["no money: the stock is released", 499, { quantity: 2 }, {}, "PAYMENT_DECLINED"],
  [
    "a card that is declined: the stock is released",
    10_000,
    { quantity: 2 },
    { paymentMethod: "pm_declined" },
    "PAYMENT_DECLINED",
  ],
  [
    "a carrier that refuses: the money is refunded and the stock released",
    10_000,
    { quantity: 2 },
    { address: { ...address, postalCode: "00000" } },
    "SHIPMENT_REFUSED",
  ],
])("%s", async (_what, money, { quantity }, more, reason) => {
  const productId = await createProduct(5);
  const customerId = await createCustomer(money);
  const { status, body } = await send("POST", "/api/orders", { customerId, items: [{ productId, quantity }], ...more });
  expect([status, body.status, body.reason]).toEqual([201, "CANCELLED", reason]);
  expect(await balanceOf(customerId)).toBe(money);
  expect((await send("GET", `/api/inventory/${productId}`)).body).toMatchObject({ onHand: 5, available: 5 });
});

test("the status shows the step that a saga waits at, and the step that is being undone", async () => {
  const productId = await createProduct(5);
  const customerId = await createCustomer(1_000);
  const refused = { ...address, postalCode: "00000" };
  const { stack } = shop;
  await stack.kill("shipping", "SIGKILL");
  const order = { customerId, items: [{ productId, quantity: 2 }], address: refused, waitSeconds: 0 };
  const { body, status } = await send("POST", "/api/orders", order);
  expect(status).toBe(202);
  const statusUntil = (what: string, isIt: (progress: Answer["body"]) => boolean) =>
    until(60_000, what, async () => {
      const { body: progress } = await send("GET", `/api/orders/${body.id}/status`);
      return isIt(progress) ? progress : undefined;
    });
  const statesOf = (progress: Answer["body"]) => progress.steps.map(({ state }: { state: string }) => state);

  const held = await statusUntil("the carrier to be waited for", ({ status }) => status === "SHIPPING");
  expect(held).toMatchObject({ step: "ship", attempt: 1, compensating: false, compensation: null });
  expect(statesOf(held)).toEqual(["DONE", "DONE", "DONE", "RUNNING", "NOT_REACHED"]);

  await stack.kill("payment", "SIGKILL");
  await stack.start("shipping");
  const undoing = await statusUntil("the carrier's refusal", ({ compensating }) => compensating);
  expect(undoing).toMatchObject({ reason: "SHIPMENT_REFUSED", step: "refund", final: false });
  expect(undoing.compensation).toEqual({ undone: [], toUndo: ["payment", "stock"] });
  expect(statesOf(undoing)).toEqual(["DONE", "UNDOING", "UNDOING", "FAILED", "NOT_REACHED"]);

  await stack.start("payment");
  const undone = await statusUntil("the order to end", ({ final }) => final);
  expect(undone).toMatchObject({ status: "CANCELLED", reason: "SHIPMENT_REFUSED", step: null, compensating: false });
  expect(undone.compensation).toEqual({ undone: ["payment", "stock"], toUndo: [] });
  expect(statesOf(undone)).toEqual(["DONE", "UNDONE", "UNDONE", "FAILED", "NOT_REACHED"]);
  // The test's own connection may not have noticed yet that payment is back.
  await expect.poll(() => balanceOf(customerId)).toBe(1_000);
});

test("stock can be reserved by hand and released", async () => {
  const productId = await createProduct(5);
  const at = `/api/inventory/${productId}`;
  expect((await send("POST", `${at}/reserve`, { quantity: 4 })).body).toMatchObject({ reserved: 4, available: 1 });
  expect(await send("POST", `${at}/reserve`, { quantity: 2 })).toMatchObject({
    status: 409,
    body: { reason: "OUT_OF_STOCK" },
  });
  expect((await send("POST", `${at}/release`, { quantity: 3 })).body).toMatchObject({ released: 3, available: 4 });
  expect(await send("POST", `${at}/release`, { quantity: 2 })).toMatchObject({
    status: 409,
    body: { reason: "NOT_RESERVED" },
  });
  expect((await send("GET", at)).body).toMatchObject({ onHand: 5, reservedInAll: 1, available: 4 });
});

test("a payment can be taken by hand and refunded, in part and then in full", async () => {
  const customerId = await createCustomer(1_000);
  const { status, body } = await send("POST", "/api/payments", { customerId, amount: 600, reference: "a repair" });
  expect([status, body.status, await balanceOf(customerId)]).toEqual([201, "CAPTURED", 400]);
  expect((await send("POST", `/api/payments/${body.id}/refund`, { amount: 100 })).body).toMatchObject({
    amount: 100,
    status: "SUCCEEDED",
  });
  expect((await send("POST", `/api/payments/${body.id}/refund`)).body).toMatchObject({
    amount: 500,
    status: "SUCCEEDED",
  });
  expect(await balanceOf(customerId)).toBe(1_000);
  expect(await send("POST", `/api/payments/${body.id}/refund`, { amount: 1 })).toMatchObject({
    status: 409,
    body: { reason: "REFUND_TOO_HIGH" },
  });
  expect(await send("POST", "/api/payments", { customerId, amount: 1_001 })).toMatchObject({
    status: 409,
    body: { reason: "PAYMENT_DECLINED" },
  });
});

test.each([
  ["an order", "GET /api/orders/nothing", 404, "ORDER_NOT_FOUND"],
  ["an order's status", "GET /api/orders/nothing/status", 404, "ORDER_NOT_FOUND"],
  ["a product", "GET /api/inventory/nothing", 404, "PRODUCT_NOT_FOUND"],
  ["a payment", "POST /api/payments/nothing/refund", 404, "PAYMENT_NOT_FOUND"],
])("%s that does not exist is 404", async (_what, request, status, reason) => {
  const [method = "", path = ""] = request.split(" ");
  expect(await send(method, path)).toMatchObject({ status, body: { reason } });
});

test("requests that name unknown ids are refused and change nothing", async () => {
  const customerId = await createCustomer(100);
  expect(
    await send("POST", "/api/orders", { customerId, items: [{ productId: "nothing", quantity: 1 }] }),
  ).toMatchObject({ status: 404, body: { reason: "PRODUCT_NOT_FOUND" } });
  expect(await send("POST", "/api/payments", { customerId: "nobody", amount: 1 })).toMatchObject({
    status: 404,
    body: { reason: "ACCOUNT_NOT_FOUND" },
  });
  expect(await send("POST", "/api/inventory/nothing/reserve", { quantity: 1 })).toMatchObject({
    status: 404,
    body: { reason: "PRODUCT_NOT_FOUND" },
  });
  expect(await send("POST", "/api/payments", { customerId, amount: 1, currency: "EUR" })).toMatchObject({
    status: expect.toSatisfy((status: number) => status === 404 || status === 409),
  });
  expect(await balanceOf(customerId)).toBe(100);
});

test("the laws hold after all tests of this file", async () => {
  expect(await shop.breaches()).toEqual([]);
});
