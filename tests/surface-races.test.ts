import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, type Caller, callerOf, signIn, signUp, type User } from "./support/caller.ts";
import { startShop, type TestShop } from "./support/shop.ts";

// What the surfaces read and then write, by many callers at the same time: none of it may be lost or done twice.

let shop: TestShop;
let call: Caller;
let admin: User;
let ada: User;

beforeAll(async () => {
  shop = await startShop();
  call = callerOf(shop.stack);
  admin = await signIn(call, "admin", "admin123");
  ada = await signUp(call, "ada");
});
afterAll(() => shop?.[Symbol.asyncDispose]());

const many = <T>(n: number, make: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: n }, (_, index) => make(index)));
const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status);

async function makeProduct(stock: number): Promise<string> {
  const { status, body } = await call("POST /api/v1/products", { name: "Lamp", price: 2, stock }, admin.headers);
  expect(status).toBe(201);
  return body.id;
}

const productOf = async (id: string) => (await call(`GET /api/v1/products/${id}`, undefined, ada.headers)).body;

test("parallel changes of a product's stock end with the stock that they set", async () => {
  const id = await makeProduct(100);
  const answers = await many(10, () => call(`PUT /api/v1/products/${id}`, { stock: 60 }, admin.headers));
  expect(new Set(statusesOf(answers))).toEqual(new Set([200]));
  expect(await productOf(id)).toMatchObject({ stock: 60 });
});

test("a change whose stock is refused does not change the price", async () => {
  const id = await makeProduct(10);
  await call(`POST /api/v1/products/${id}/reserve`, { quantity: 5 }, admin.headers);
  const change = { price: 9, stock: 1_000_000_000 };
  expect(await call(`PUT /api/v1/products/${id}`, change, admin.headers)).toMatchObject({ status: 409 });
  expect(await productOf(id)).toMatchObject({ price: "2.00", stock: 5 });
});

test("parallel changes of different fields of an address are all kept", async () => {
  const home = { line1: "1 Main St", city: "NYC", state: "NY", postal_code: "10001", country: "US" };
  const { body } = await call(`POST /api/v1/users/${ada.id}/addresses`, home, ada.headers);
  const changes = [{ city: "Albany" }, { line1: "2 Main St" }, { line2: "left" }, { phone: "+15550000" }];
  const answers = await many(4, (index) =>
    call(`PUT /api/v1/users/${ada.id}/addresses/${body.id}`, changes[index], ada.headers),
  );
  expect(statusesOf(answers)).toEqual([200, 200, 200, 200]);
  const { body: user } = await call(`GET /api/v1/users/${ada.id}`, undefined, ada.headers);
  expect(user.addresses[0]).toMatchObject(Object.assign({}, ...changes));
});

test("fifty callers who pay by a card that is declined are all told so, or that it was tried too often", async () => {
  const productId = await makeProduct(5);
  const checkout = { lines: [{ productId, quantity: 1 }], paymentMethod: "pm_declined", payLater: true };
  const headers = { ...ada.headers, "idempotency-key": crypto.randomUUID() };
  const { body } = await call(
    "POST /v1/orders",
    { ...checkout, customerId: ada.id, waitFor: "WAIT_FOR_RESERVED" },
    headers,
  );
  const pay = (key: string) =>
    call(`POST /api/v1/orders/${body.order.id}/pay`, undefined, { ...ada.headers, "idempotency-key": key });
  const answers = await many(50, (index) => pay(`pay-${index}`));
  const outcomes = new Set(answers.map(({ status, body }) => `${status} ${body.reason}`));
  const expected = ["409 PAYMENT_DECLINED", "409 TOO_MANY_ATTEMPTS"];
  expect([...outcomes].filter((outcome) => !expected.includes(outcome))).toEqual([]);
  const again = await pay("pay-0");
  expect([again.status, again.body.reason]).toEqual([answers[0]?.status, answers[0]?.body.reason]);
});

test("a Wippy checkout is one order for its key, in parallel and again when the cart is gone", async () => {
  const id = await makeProduct(50);
  const user = `wippy-${crypto.randomUUID().slice(0, 8)}`;
  const add = (key: string) => call(`POST /api/cart/${user}/items`, { sku: id }, { "idempotency-key": key });
  expect(statusesOf(await many(5, () => add("add-1")))).toEqual([200, 200, 200, 200, 200]);
  const buy = () => call(`POST /api/cart/${user}/checkout`, undefined, { "idempotency-key": "buy-1" });
  const answers = await many(5, buy);
  expect(statusesOf(answers)).toEqual([200, 200, 200, 200, 200]);
  await add("add-1");
  const again = await buy();
  expect([again.status, again.body]).toEqual([200, answers[0]?.body]);
  expect(answers[0]?.body.order.items).toMatchObject([{ quantity: 1 }]);
  expect(await productOf(id)).toMatchObject({ stock: 49 });
});

test("a Wippy cart with a deleted product names it, and the rest can be bought when it is removed", async () => {
  const [kept, gone] = [await makeProduct(5), await makeProduct(5)];
  const user = `wippy-${crypto.randomUUID().slice(0, 8)}`;
  for (const sku of [kept, gone]) {
    await call(`POST /api/cart/${user}/items`, { sku });
  }
  expect((await call(`DELETE /api/v1/products/${gone}`, undefined, admin.headers)).status).toBe(200);
  const refused = await call(`POST /api/cart/${user}/checkout`);
  expect([refused.status, refused.body.reason, refused.body.metadata.product_id]).toEqual([409, "PRODUCT_GONE", gone]);
  expect((await call(`DELETE /api/cart/${user}/items/${gone}`)).status).toBe(200);
  expect((await call(`POST /api/cart/${user}/checkout`)).body.order.items).toMatchObject([{ quantity: 1 }]);
});

test("the laws hold", async () => {
  expect(await shop.breaches({ stalledAfterMs: 60_000 })).toEqual([]);
});
