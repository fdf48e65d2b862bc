import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Caller, callerOf, signIn, signUp, type User } from "./support/caller.ts";
import { startShop, type TestShop } from "./support/shop.ts";

// The shop's API of the Flask services: the sequences of their README, their recorded cases, and the faults of theirs
// that this shop does not have: overselling, idempotency keys that fail in parallel, cancels that do not release the
// stock, and orders that anyone can read.

let shop: TestShop;
let call: Caller;
let admin: User;
let ada: User;
let bob: User;

beforeAll(async () => {
  shop = await startShop();
  call = callerOf(shop.stack);
  admin = await signIn(call, "admin", "admin123");
  ada = await signUp(call, "ada");
  bob = await signUp(call, "bob");
});
afterAll(() => shop?.[Symbol.asyncDispose]());

/** Calls as this user; a key makes the call idempotent. */
function as({ headers }: User, request: string, body?: object, key?: string): Promise<Answer> {
  return call(request, body, key === undefined ? headers : { ...headers, "idempotency-key": key });
}

async function makeProduct(stock: number, price: number | string = 1200): Promise<string> {
  const { status, body } = await as(admin, "POST /api/v1/products", { name: "Laptop", price, stock });
  expect(status).toBe(201);
  return body.id;
}

async function stockOf(productId: string): Promise<number> {
  return (await as(ada, `GET /api/v1/products/${productId}`)).body.stock;
}

function orderOf(user: User, productId: string, quantity = 1) {
  return { userId: user.id, items: [{ productId, quantity }] };
}

async function place(user: User, productId: string, quantity = 1): Promise<string> {
  const { status, body } = await as(user, "POST /api/v1/orders", orderOf(user, productId, quantity));
  expect([status, body.status]).toEqual([201, "PENDING"]);
  return body.id;
}

const home = {
  line1: "1 Main St",
  city: "NYC",
  state: "NY",
  postal_code: "10001",
  country: "US",
  phone: "+1-555-0000",
};

test("place order: the stock is reserved, and a repeat with the key returns the same order", async () => {
  const productId = await makeProduct(5);
  const order = orderOf(ada, productId, 2);
  const first = await as(ada, "POST /api/v1/orders", order, "key-1");
  expect([first.status, first.body]).toEqual([201, { id: expect.any(String), status: "PENDING" }]);
  expect(await stockOf(productId)).toBe(3);
  const again = await as(ada, "POST /api/v1/orders", order, "key-1");
  expect([again.status, again.body]).toEqual([200, first.body]);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  const other = await as(ada, "POST /api/v1/orders", orderOf(ada, productId, 1), "key-1");
  expect(other).toMatchObject({ status: 422, body: { reason: "REQUEST_ID_REUSED" } });
  expect(await stockOf(productId)).toBe(3);
  // Keys are per user.
  expect((await as(bob, "POST /api/v1/orders", orderOf(bob, productId), "key-1")).status).toBe(201);
  expect(await stockOf(productId)).toBe(2);
});

test("a repeat returns the same order, also after the price, the address and the order have changed", async () => {
  const user = await signUp(call, "eve");
  const { body: address } = await as(user, `POST /api/v1/users/${user.id}/addresses`, home);
  const productId = await makeProduct(5, 10);
  const order = orderOf(user, productId);
  const first = await as(user, "POST /api/v1/orders", order, "key-2");
  await as(user, `PUT /api/v1/users/${user.id}/addresses/${address.id}`, { city: "Albany" });
  await as(admin, `PUT /api/v1/products/${productId}`, { price: 11 });
  await as(user, `POST /api/v1/orders/${first.body.id}/pay`);
  const again = await as(user, "POST /api/v1/orders", order, "key-2");
  expect([again.status, again.body]).toEqual([200, first.body]);
  expect((await as(user, `GET /api/v1/orders/${first.body.id}`)).body).toMatchObject({ total_amount: "10.00" });
});

test("pay: PENDING becomes PAID, a repeat is 200, and it can no longer be cancelled", async () => {
  const productId = await makeProduct(5);
  const id = await place(ada, productId, 2);
  for (const _ of ["once", "again"]) {
    const paid = await as(ada, `POST /api/v1/orders/${id}/pay`);
    expect([paid.status, paid.body]).toEqual([200, { id, status: "PAID" }]);
  }
  expect((await as(ada, `POST /api/v1/orders/${id}/cancel`)).status).toBe(409);
  expect((await as(ada, `GET /api/v1/orders/${id}`)).body.status).toBe("PAID");
  expect(await stockOf(productId)).toBe(3);
});

test("cancel: PENDING becomes CANCELLED, a repeat is 200, the stock is released, and it can no longer be paid", async () => {
  const productId = await makeProduct(5);
  const id = await place(ada, productId, 2);
  for (const _ of ["once", "again"]) {
    const cancelled = await as(ada, `POST /api/v1/orders/${id}/cancel`);
    expect([cancelled.status, cancelled.body]).toEqual([200, { id, status: "CANCELLED" }]);
  }
  expect((await as(ada, `POST /api/v1/orders/${id}/pay`)).status).toBe(409);
  expect((await as(ada, `GET /api/v1/orders/${id}`)).body.status).toBe("CANCELLED");
  expect(await stockOf(productId)).toBe(5);
});

test("an order that is paid and cancelled concurrently ends in one of the two states, and both callers learn which", async () => {
  const productId = await makeProduct(100);
  for (let n = 0; n < 5; n++) {
    const id = await place(ada, productId);
    const [pay, cancel] = await Promise.all([
      as(ada, `POST /api/v1/orders/${id}/pay`),
      as(ada, `POST /api/v1/orders/${id}/cancel`),
    ]);
    const { status } = (await as(ada, `GET /api/v1/orders/${id}`)).body;
    expect([pay.status, cancel.status]).toEqual(status === "PAID" ? [200, 409] : [409, 200]);
  }
});

test("the feed has the events of the old queue: created, then paid or cancelled, with the user and the total", async () => {
  const user = await signUp(call, "kim");
  const productId = await makeProduct(5, "12.50");
  const paid = await place(user, productId, 2);
  const cancelled = await place(user, productId);
  await as(user, `POST /api/v1/orders/${paid}/pay`);
  await as(user, `POST /api/v1/orders/${cancelled}/cancel`);
  const queue = {
    "sagacart.order.awaiting_payment.v1": "order_created",
    "sagacart.order.paid.v1": "order_paid",
    "sagacart.order.cancelled.v1": "order_cancelled",
  };
  const query = new URLSearchParams(Object.keys(queue).map((type): [string, string] => ["types", type]));
  const toldOfUser = async () => {
    const messages: object[] = [];
    for (let position = "0", more = true; more; ) {
      const { body } = await as(admin, `GET /v1/events?afterPosition=${position}&pageSize=1000&${query}`);
      for (const { type, data } of body.events) {
        const { orderId, customerId, total } = JSON.parse(data);
        messages.push({
          eventType: Object.entries(queue).find(([of]) => of === type)?.[1],
          orderId,
          customerId,
          total,
        });
      }
      more = body.nextPosition !== position;
      position = body.nextPosition;
    }
    return messages.filter((each) => "customerId" in each && each.customerId === user.id);
  };
  const event = (eventType: string, orderId: string, minorUnits: string) => ({
    ...{ eventType, orderId, customerId: user.id, total: { currencyCode: "USD", minorUnits } },
  });
  // An event enters the feed shortly after the call that caused it is answered.
  await expect
    .poll(toldOfUser)
    .toEqual([
      event("order_created", paid, "2500"),
      event("order_created", cancelled, "1250"),
      event("order_paid", paid, "2500"),
      event("order_cancelled", cancelled, "1250"),
    ]);
});

test("an order that cannot be shipped is not paid: the money and the stock are returned", async () => {
  const user = await signUp(call, "nia");
  const nowhere = { ...home, postal_code: "00000", is_default: true };
  expect((await as(user, `POST /api/v1/users/${user.id}/addresses`, nowhere)).status).toBe(201);
  const productId = await makeProduct(5);
  const id = await place(user, productId);
  expect(await as(user, `POST /api/v1/orders/${id}/pay`)).toMatchObject({
    status: 409,
    body: { reason: "ORDER_CANCELLED", metadata: { reason: "SHIPMENT_REFUSED" } },
  });
  expect(await stockOf(productId)).toBe(5);
});

test("of 80 concurrent orders for a stock of 20, 20 are sold", async () => {
  const productId = await makeProduct(20);
  const answers = await Promise.all(
    Array.from({ length: 80 }, () => as(ada, "POST /api/v1/orders", orderOf(ada, productId))),
  );
  const count = (wanted: number) => answers.filter(({ status }) => status === wanted).length;
  expect([count(201), count(400)]).toEqual([20, 60]);
  expect(await stockOf(productId)).toBe(0);
});

test("50 concurrent orders with one key create one order", async () => {
  const productId = await makeProduct(100);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => as(ada, "POST /api/v1/orders", orderOf(ada, productId), "key-3")),
  );
  const [{ body: first } = { body: undefined }] = answers;
  expect(answers.map(({ body }) => body)).toEqual(answers.map(() => first));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(49);
  expect(await stockOf(productId)).toBe(99);
});

test("an order and its details have the documented fields, with products, user and address", async () => {
  const user = await signUp(call, "ida");
  const { body: saved } = await as(user, `POST /api/v1/users/${user.id}/addresses`, { ...home, is_default: true });
  const laptop = await makeProduct(5, "1200.00");
  const mouse = await makeProduct(5, 25.5);
  const items = [
    { productId: laptop, quantity: 1 },
    { productId: mouse, quantity: 2 },
  ];
  const placed = await as(user, "POST /api/v1/orders", { userId: user.id, items, shippingAddressId: saved.id });
  const { id } = placed.body;
  const date = expect.stringMatching(/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
  expect((await as(user, `GET /api/v1/orders/${id}`)).body).toEqual({
    id,
    user_id: user.id,
    status: "PENDING",
    total_amount: "1251.00",
    shipping_address_id: saved.id,
    created_at: date,
    updated_at: date,
    items: [
      { product_id: laptop, quantity: 1, price: "1200.00" },
      { product_id: mouse, quantity: 2, price: "25.50" },
    ],
  });
  const address = { id: saved.id, ...home, line2: null };
  const { body: details } = await as(user, `GET /api/v1/orders/${id}/details`);
  expect(details).toMatchObject({
    id,
    status: "PENDING",
    total_amount: 1251,
    userId: user.id,
    shippingAddressId: saved.id,
    shippingAddress: address,
    user: { id: user.id, username: user.username, addresses: [{ ...address, is_default: 1 }] },
    items: [
      { productId: laptop, quantity: 1, product: { id: laptop, price: "1200.00", stock: 4 } },
      { productId: mouse, quantity: 2, product: { id: mouse, price: "25.50", stock: 3 } },
    ],
  });
});

test("orders are listed newest first, by page and by status", async () => {
  const user = await signUp(call, "lea");
  const productId = await makeProduct(50);
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) {
    ids.unshift(await place(user, productId));
  }
  await as(user, `POST /api/v1/orders/${ids[0]}/pay`);
  await as(user, `POST /api/v1/orders/${ids[1]}/cancel`);
  const list = async (query: string) => (await as(user, `GET /api/v1/orders?userId=${user.id}${query}`)).body;
  const idsOf = (orders: { id: string }[]) => orders.map(({ id }) => id);
  const all = await list("");
  expect([idsOf(all.orders), all.nextCursor]).toEqual([ids, null]);
  expect(all.orders[0]).toEqual({
    id: ids[0],
    user_id: user.id,
    status: "PAID",
    total_amount: "1200.00",
    created_at: expect.any(String),
  });
  const first = await list("&limit=2");
  expect(idsOf(first.orders)).toEqual(ids.slice(0, 2));
  const second = await list(`&limit=3&cursor=${encodeURIComponent(first.nextCursor)}`);
  expect([idsOf(second.orders), second.nextCursor]).toEqual([ids.slice(2), null]);
  expect(idsOf((await list("&status=PENDING")).orders)).toEqual(ids.slice(2));
  expect(idsOf((await list("&status=PAID")).orders)).toEqual([ids[0]]);
  expect(idsOf((await list("&status=CANCELLED")).orders)).toEqual([ids[1]]);
});

test("a product can be created, found, changed and deleted", async () => {
  const name = `Kettle ${crypto.randomUUID()}`;
  const made = await as(admin, "POST /api/v1/products", { name, price: 19.99, stock: 3, description: "Hot" });
  const { id } = made.body;
  const kettle = { id, name, description: "Hot", price: "19.99", stock: 3 };
  expect([made.status, made.body]).toEqual([201, { id }]);
  expect((await as(ada, `GET /api/v1/products/${id}`)).body).toEqual(kettle);
  expect((await as(ada, "GET /api/v1/products")).body).toContainEqual(kettle);
  const find = async (query: string) =>
    (await as(ada, `GET /api/v1/products/search?q=${encodeURIComponent(name)}&${query}`)).body;
  expect(await find("")).toEqual([kettle]);
  expect(await find("minPrice=19.99&maxPrice=19.99")).toEqual([kettle]);
  expect(await find("minPrice=20")).toEqual([]);
  const changed = await as(admin, `PUT /api/v1/products/${id}`, { price: "20.5", stock: 10 });
  expect([changed.status, changed.body]).toEqual([200, { updated: true }]);
  expect((await as(ada, `GET /api/v1/products/${id}`)).body).toEqual({ ...kettle, price: "20.50", stock: 10 });
  const deleted = await as(admin, `DELETE /api/v1/products/${id}`);
  expect([deleted.status, deleted.body]).toEqual([200, { deleted: true }]);
  expect((await as(admin, `DELETE /api/v1/products/${id}`)).status).toBe(404);
  expect((await as(ada, `GET /api/v1/products/${id}`)).status).toBe(404);
});

test("an operator can reserve and release stock by hand", async () => {
  const id = await makeProduct(5);
  const by = async (what: string, quantity: unknown) => {
    const { status, body } = await as(admin, `POST /api/v1/products/${id}/${what}`, { quantity });
    return [status, status === 200 ? body : body.reason];
  };
  expect(await by("reserve", 4)).toEqual([200, { reserved: 4, stock: 1 }]);
  expect(await by("reserve", 2)).toEqual([409, "OUT_OF_STOCK"]);
  expect(await by("release", "3")).toEqual([200, { released: 3, stock: 4 }]);
  expect(await by("release", 2)).toEqual([409, "NOT_RESERVED"]);
});

test("the first of a user's addresses is the default, and there is at most one", async () => {
  const user = await signUp(call, "may");
  const at = `/api/v1/users/${user.id}/addresses`;
  const first = (await as(user, `POST ${at}`, home)).body.id;
  const second = (await as(user, `POST ${at}`, { ...home, city: "Boston", is_default: true })).body.id;
  const shown = async () =>
    (await as(user, `GET ${at}`)).body.map((address: Record<string, unknown>) => [
      address.id,
      address.city,
      address.is_default,
    ]);
  expect(await shown()).toEqual([
    [second, "Boston", 1],
    [first, "NYC", 0],
  ]);
  expect((await as(user, `PUT ${at}/${first}`, { is_default: 1, city: "Albany" })).body).toEqual({ updated: true });
  expect(await shown()).toEqual([
    [first, "Albany", 1],
    [second, "Boston", 0],
  ]);
  expect((await as(user, `DELETE ${at}/${first}`)).body).toEqual({ deleted: true });
  expect((await as(user, `DELETE ${at}/${first}`)).status).toBe(404);
  expect((await as(user, `GET /api/v1/users/${user.id}`)).body).toMatchObject({
    id: user.id,
    username: user.username,
    phone: null,
    addresses: [{ id: second }],
  });
});

test("an operator can delete a user", async () => {
  const user = await signUp(call, "tom");
  // It needs a fresh sign-in.
  const operator = await signIn(call, "admin", "admin123");
  expect((await as(operator, `DELETE /api/v1/users/${user.id}`)).body).toEqual({ deleted: true });
  expect((await as(operator, `GET /api/v1/users/${user.id}`)).status).toBe(404);
  expect((await as(operator, `DELETE /api/v1/users/${user.id}`)).status).toBe(404);
  const productId = await makeProduct(1);
  expect((await as(admin, "POST /api/v1/orders", orderOf(user, productId))).status).toBe(400);
});

describe("invalid requests are refused with a reason", () => {
  const items = (quantity: unknown) => [{ productId: "PRODUCT", quantity }];
  let productId: string;
  beforeAll(async () => {
    productId = await makeProduct(5);
  });

  test.each<[string, object | undefined, number]>([
    // The user service.
    ["POST /api/v1/login", {}, 400],
    ["POST /api/v1/login", { username: "admin" }, 400],
    ["POST /api/v1/login", { username: "admin", password: "wrong" }, 401],
    ["POST /api/v1/login", { username: "nobody-at-all", password: "wrong" }, 401],
    ["POST /api/v1/users", {}, 400],
    ["POST /api/v1/users", { username: "ad", email: "a@b.io", password: "secret" }, 400],
    ["POST /api/v1/users", { username: "a".repeat(51), email: "a@b.io", password: "secret" }, 400],
    ["POST /api/v1/users", { username: "adam", email: "ab.io", password: "secret" }, 400],
    ["POST /api/v1/users", { username: "adam", email: "a@b.io", password: "short" }, 400],
    ["POST /api/v1/users", { username: "admin", email: "admin2@b.io", password: "secret" }, 409],
    ["GET /api/v1/users/nobody", undefined, 404],
    ["DELETE /api/v1/users/nobody", undefined, 404],
    ["GET /api/v1/users/nobody/addresses", undefined, 404],
    ["POST /api/v1/users/nobody/addresses", home, 404],
    ["POST /api/v1/users/ADMIN/addresses", {}, 400],
    ["POST /api/v1/users/ADMIN/addresses", { ...home, city: undefined }, 400],
    ["POST /api/v1/users/ADMIN/addresses", { ...home, country: "Atlantis" }, 400],
    ["PUT /api/v1/users/ADMIN/addresses/none", {}, 400],
    ["PUT /api/v1/users/ADMIN/addresses/none", { city: "NYC" }, 404],
    ["DELETE /api/v1/users/ADMIN/addresses/none", undefined, 404],
    // The product service.
    ["POST /api/v1/products", {}, 400],
    ["POST /api/v1/products", { name: "A", price: 1 }, 400],
    ["POST /api/v1/products", { name: "A", stock: 1 }, 400],
    ["POST /api/v1/products", { price: 1, stock: 1 }, 400],
    ["POST /api/v1/products", { name: "A", price: -1, stock: 1 }, 400],
    ["POST /api/v1/products", { name: "A", price: 1, stock: -1 }, 400],
    ["POST /api/v1/products", { name: "A", price: "cheap", stock: 1 }, 400],
    ["POST /api/v1/products", { name: "A", price: 1, stock: "many" }, 400],
    ["GET /api/v1/products/none", undefined, 404],
    ["PUT /api/v1/products/none", { price: 1 }, 404],
    ["PUT /api/v1/products/PRODUCT", {}, 400],
    ["PUT /api/v1/products/PRODUCT", { price: -1 }, 400],
    ["PUT /api/v1/products/PRODUCT", { price: "cheap" }, 400],
    ["PUT /api/v1/products/PRODUCT", { stock: -1 }, 400],
    ["DELETE /api/v1/products/none", undefined, 404],
    ["GET /api/v1/products/search?minPrice=cheap", undefined, 400],
    ["GET /api/v1/products/search?maxPrice=dear", undefined, 400],
    ["POST /api/v1/products/PRODUCT/reserve", {}, 400],
    ["POST /api/v1/products/PRODUCT/reserve", { quantity: 0 }, 400],
    ["POST /api/v1/products/PRODUCT/reserve", { quantity: -1 }, 400],
    ["POST /api/v1/products/PRODUCT/reserve", { quantity: 1_000 }, 409],
    ["POST /api/v1/products/none/reserve", { quantity: 1 }, 404],
    ["POST /api/v1/products/PRODUCT/release", {}, 400],
    ["POST /api/v1/products/PRODUCT/release", { quantity: 0 }, 400],
    ["POST /api/v1/products/none/release", { quantity: 1 }, 404],
    // The order service.
    ["POST /api/v1/orders", {}, 400],
    ["POST /api/v1/orders", { userId: "ADMIN" }, 400],
    ["POST /api/v1/orders", { items: items(1) }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: [] }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: "PRODUCT" }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: ["PRODUCT"] }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: [{ productId: "PRODUCT" }] }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: items(0) }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: items(-1) }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: items("some") }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: items(1_000) }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: [{ productId: "none", quantity: 1 }] }, 400],
    ["POST /api/v1/orders", { userId: "nobody", items: items(1) }, 400],
    ["POST /api/v1/orders", { userId: "ADMIN", items: items(1), shippingAddressId: "none" }, 400],
    ["GET /api/v1/orders?status=LOST", undefined, 400],
    ["GET /api/v1/orders?cursor=none", undefined, 400],
    ["GET /api/v1/orders/none", undefined, 404],
    ["GET /api/v1/orders/none/details", undefined, 404],
    ["POST /api/v1/orders/none/pay", undefined, 404],
    ["POST /api/v1/orders/none/cancel", undefined, 404],
  ])("%s %j is %i", async (request, body, status) => {
    const filled = (text: string) => text.replaceAll("PRODUCT", productId).replaceAll("ADMIN", admin.id);
    const sent = body === undefined ? undefined : JSON.parse(filled(JSON.stringify(body)));
    const answer = await as(admin, filled(request), sent);
    expect([answer.status, answer.body.error]).toEqual([status, expect.any(String)]);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(await stockOf(productId)).toBe(5);
  });
});

describe("users can neither see nor change other users' data", () => {
  let orderId: string;
  let addressId: string;
  let productId: string;
  beforeAll(async () => {
    productId = await makeProduct(10);
    orderId = await place(ada, productId);
    addressId = (await as(ada, `POST /api/v1/users/${ada.id}/addresses`, home)).body.id;
  });

  test.each<[string, object | undefined]>([
    ["GET /api/v1/users/ADA", undefined],
    ["DELETE /api/v1/users/ADA", undefined],
    ["GET /api/v1/users/ADA/addresses", undefined],
    ["POST /api/v1/users/ADA/addresses", home],
    ["PUT /api/v1/users/ADA/addresses/ADDRESS", { city: "Boston" }],
    ["DELETE /api/v1/users/ADA/addresses/ADDRESS", undefined],
    ["GET /api/v1/orders/ORDER", undefined],
    ["GET /api/v1/orders/ORDER/details", undefined],
    ["POST /api/v1/orders/ORDER/pay", undefined],
    ["POST /api/v1/orders/ORDER/cancel", undefined],
  ])("%s of another user is 404", async (request, body) => {
    const filled = request.replace("ADA", ada.id).replace("ADDRESS", addressId).replace("ORDER", orderId);
    const without = request.replace("ADA", "nobody").replace("ADDRESS", "none").replace("ORDER", "none");
    const [others, none] = await Promise.all([as(bob, filled, body), as(bob, without, body)]);
    expect([others.status, others.body.reason]).toEqual([404, none.body.reason]);
    expect((await as(ada, `GET /api/v1/orders/${orderId}`)).body.status).toBe("PENDING");
  });

  test.each<[string, object | undefined]>([
    ["POST /api/v1/products", { name: "A", price: 1, stock: 1 }],
    ["PUT /api/v1/products/PRODUCT", { price: 1 }],
    ["DELETE /api/v1/products/PRODUCT", undefined],
    ["POST /api/v1/products/PRODUCT/reserve", { quantity: 1 }],
    ["POST /api/v1/products/PRODUCT/release", { quantity: 1 }],
  ])("%s is for operators only", async (request, body) => {
    expect((await as(bob, request.replace("PRODUCT", productId), body)).status).toBe(403);
  });

  test("other users' orders are not listed, and a user cannot order for another", async () => {
    expect((await as(bob, "GET /api/v1/orders")).body.orders.map((order: { id: string }) => order.id)).not.toContain(
      orderId,
    );
    expect((await as(bob, `GET /api/v1/orders?userId=${ada.id}`)).status).toBe(403);
    for (const user of [ada, { ...ada, id: "nobody" }]) {
      const forUser = orderOf(user, productId);
      expect(await as(bob, "POST /api/v1/orders", forUser)).toMatchObject({
        status: 403,
        body: { reason: "NOT_YOURS" },
      });
      expect((await as(bob, "POST /api/v1/orders", forUser, "key-4")).status).toBe(403);
    }
    const toAda = { ...orderOf(bob, productId), shippingAddressId: addressId };
    expect((await as(bob, "POST /api/v1/orders", toAda)).status).toBe(400);
  });

  test("an operator sees and cancels any order", async () => {
    expect((await as(admin, `GET /api/v1/orders/${orderId}`)).body.user_id).toBe(ada.id);
    expect((await as(admin, `GET /api/v1/orders?userId=${ada.id}&limit=1`)).body.orders).toHaveLength(1);
    expect((await as(admin, `POST /api/v1/orders/${orderId}/cancel`)).body.status).toBe("CANCELLED");
  });

  test("calls without a token are 401, except alive and ready", async () => {
    for (const request of ["GET /api/v1/products", "GET /api/v1/orders", `GET /api/v1/users/${ada.id}`]) {
      expect((await call(request)).status).toBe(401);
      expect((await call(request, undefined, { authorization: "Bearer not.a.token" })).status).toBe(401);
    }
    expect((await call("GET /health")).status).toBe(200);
    expect((await call("GET /ready")).status).toBe(200);
  });
});

test("the laws hold after all tests of this file", async () => {
  expect(await shop.breaches()).toEqual([]);
});
