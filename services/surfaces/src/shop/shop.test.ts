import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestSurfaces, type TestSurfaces } from "../testing/surfaces.ts";

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

afterEach(() => {
  standIn.asked.length = 0;
});

const reasons = defineReasons({
  ORDER_NOT_FOUND: Code.NotFound,
  PRODUCT_NOT_FOUND: Code.NotFound,
  USER_NOT_FOUND: Code.NotFound,
  ADDRESS_NOT_FOUND: Code.NotFound,
  NOT_PAYABLE: Code.FailedPrecondition,
  NOT_CANCELLABLE: Code.FailedPrecondition,
  ETAG_MISMATCH: Code.Aborted,
});
const fails = (reason: keyof typeof reasons) => () => {
  throw new DomainError(reasons, reason, `${reason} it is`);
};
const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
const time = { seconds: 1_756_285_235n, nanos: 0 };
const laptop = {
  id: "p",
  title: "Laptop",
  description: "",
  price: usd(120_000n),
  onHand: 9,
  reserved: 2,
  available: 7,
};
const lines = [{ productId: "p", sku: "p", title: "Laptop", quantity: 2, unitPrice: usd(120_000n) }];
const order = { id: "o", customerId: "u", lines, total: usd(240_000n), createTime: time, updateTime: time };
const address = { line1: "1 Main St", city: "NYC", region: "NY", postalCode: "10001", countryCode: "US" };
const home = { id: "a", userId: "u", address: { recipient: "ada", ...address }, isDefault: true };
const send = (request: string, body?: unknown, headers = {}) =>
  surfaces.send(request, { headers, ...(body === undefined ? {} : { body }) });
const rpcs = () => standIn.asked.map(({ rpc }) => rpc);

test("a product has its price as text, and the stock that can be sold", async () => {
  standIn.answer("GetProduct", () => ({ product: laptop }));
  standIn.answer("ListProducts", () => ({ products: [laptop] }));
  standIn.answer("SearchProducts", () => ({ products: [laptop] }));
  const shown = { id: "p", name: "Laptop", description: null, price: "1200.00", stock: 7 };
  expect(await send("GET /api/v1/products/p")).toMatchObject({ status: 200, body: shown });
  expect((await send("GET /api/v1/products")).body).toEqual([shown]);
  expect((await send("GET /api/v1/products/search?q=lap&minPrice=10&maxPrice=2000.50")).body).toEqual([shown]);
  expect(standIn.asked.at(-1)?.request).toEqual({
    query: "lap",
    minPrice: { currencyCode: "USD", minorUnits: "1000" },
    maxPrice: { currencyCode: "USD", minorUnits: "200050" },
    pageSize: 200,
  });
});

test("the list of products has all pages, or the requested one", async () => {
  const ids = Array.from({ length: 5 }, (_, n) => `p${n}`);
  standIn.answer("ListProducts", ({ pageToken, pageSize }: { pageToken: string; pageSize: number }) => {
    const from = Number(pageToken);
    const size = Math.min(2, pageSize);
    return {
      products: ids.slice(from, from + size).map((id) => ({ ...laptop, id })),
      nextPageToken: from + size < ids.length ? String(from + size) : "",
    };
  });
  const all = await send("GET /api/v1/products");
  expect(all.body.map(({ id }: { id: string }) => id)).toEqual(ids);
  const page = await send("GET /api/v1/products?limit=2&cursor=2");
  expect(page.body.map(({ id }: { id: string }) => id)).toEqual(["p2", "p3"]);
  expect(page.headers.get("link")).toBe('</api/v1/products?limit=2&cursor=4>; rel="next"');
});

test.each([
  ["a number", 12.5, "1250"],
  ["a whole number", 1200, "120000"],
  ["text", "0.07", "7"],
  ["nothing", 0, undefined],
])("a price may be %s", async (_what, price, minorUnits) => {
  standIn.answer("CreateProduct", () => ({ product: laptop }));
  const made = await send("POST /api/v1/products", { name: " Laptop ", price, stock: "7", more: 1 });
  expect(made).toMatchObject({ status: 201, body: { id: "p" } });
  expect(standIn.asked[0]?.request).toMatchObject({
    product: { title: "Laptop", price: minorUnits === undefined ? { currencyCode: "USD" } : { minorUnits } },
    initialOnHand: 7,
  });
});

test.each([
  ["no name", "POST /api/v1/products", { price: 1, stock: 1 }],
  ["no price", "POST /api/v1/products", { name: "a", stock: 1 }],
  ["no stock", "POST /api/v1/products", { name: "a", price: 1 }],
  ["a price below zero", "POST /api/v1/products", { name: "a", price: -1, stock: 1 }],
  ["a price of more decimals than the currency has", "POST /api/v1/products", { name: "a", price: 19.999, stock: 1 }],
  ["a price that is no number", "POST /api/v1/products", { name: "a", price: "cheap", stock: 1 }],
  ["a stock below zero", "POST /api/v1/products", { name: "a", price: 1, stock: -1 }],
  ["half of one", "POST /api/v1/products", { name: "a", price: 1, stock: 0.5 }],
  ["nothing to change", "PUT /api/v1/products/p", {}],
  ["only what there is not", "PUT /api/v1/products/p", { colour: "red" }],
  ["reserving nothing", "POST /api/v1/products/p/reserve", { quantity: 0 }],
  ["reserving no number", "POST /api/v1/products/p/reserve", {}],
  ["releasing less than nothing", "POST /api/v1/products/p/release", { quantity: -1 }],
  ["an order of nothing", "POST /api/v1/orders", { userId: "u", items: [] }],
  ["an order of nobody", "POST /api/v1/orders", { items: [{ productId: "p", quantity: 1 }] }],
  ["an order of none", "POST /api/v1/orders", { userId: "u", items: [{ productId: "p", quantity: 0 }] }],
  ["a user without a password", "POST /api/v1/users", { username: "ada", email: "a@b.c" }],
  ["a short password", "POST /api/v1/users", { username: "ada", email: "a@b.c", password: "12345" }],
  ["a short name", "POST /api/v1/users", { username: "ad", email: "a@b.c", password: "123456" }],
  ["an address that is none", "POST /api/v1/users", { username: "ada", email: "abc", password: "123456" }],
  ["signing in without a name", "POST /api/v1/login", { password: "123456" }],
  ["an address without a town", "POST /api/v1/users/u/addresses", { line1: "1", state: "NY", postal_code: "1" }],
  ["an unknown country", "POST /api/v1/users/u/addresses", { ...shown(home.address), country: "Atlantis" }],
  ["nothing to change of an address", "PUT /api/v1/users/u/addresses/a", {}],
])("%s is 400, and no service is asked to change anything", async (_what, request, body) => {
  standIn.answer("GetProduct", () => ({ product: laptop }));
  standIn.answer("GetUser", () => ({ user: { id: "u", username: "ada" } }));
  standIn.answer("GetAddress", () => ({ address: home }));
  const refused = await send(request, body);
  expect(refused).toMatchObject({ status: 400, body: { error: expect.any(String), violations: expect.anything() } });
  expect(rpcs().filter((rpc) => !rpc.startsWith("Get"))).toEqual([]);
});

function shown({ line1, city, postalCode }: { line1: string; city: string; postalCode: string }) {
  return { line1, city, state: "NY", postal_code: postalCode };
}

test.each<[what: string, body: object, product: object, paths: string | undefined, stock: object | undefined]>([
  [
    "price and stock",
    { price: "9.50", stock: 10 },
    { price: { currencyCode: "USD", minorUnits: "950" } },
    "price",
    { available: 10, reference: "set by hand" },
  ],
  ["the stock alone", { stock: "0" }, {}, "", { available: 0, reference: "set by hand" }],
  ["the name alone", { name: " Mug " }, { title: "Mug" }, "title", undefined],
])("a change of %s is one call, with the stock as it is to be", async (_what, body, product, paths, stock) => {
  const changed = await send("PUT /api/v1/products/p", body, { "idempotency-key": "put-1" });
  expect(changed).toMatchObject({ status: 200, body: { updated: true } });
  expect(standIn.asked.map(({ rpc, request }) => [rpc, request])).toEqual([
    [
      "UpdateProduct",
      {
        product: { id: "p", ...product },
        updateMask: paths,
        ...(stock === undefined ? {} : { stock }),
        requestId: "put-1",
      },
    ],
  ]);
});

test.each<[request: string, rpc: string, body: object | undefined]>([
  ["POST /api/v1/products", "CreateProduct", { name: "a", price: 1, stock: 1 }],
  ["PUT /api/v1/products/p", "UpdateProduct", { stock: 1 }],
  ["POST /api/v1/products/p/reserve", "ReserveStock", { quantity: 1 }],
  ["POST /api/v1/products/p/release", "ReleaseManually", { quantity: 1 }],
  ["POST /api/v1/orders/o/pay", "PayOrder", undefined],
  ["POST /api/v1/users", "RegisterByForeignRules", { username: "ada", email: "a@b.c", password: "123456" }],
  ["POST /api/v1/users/u/addresses", "CreateAddress", { ...shown(home.address), country: "US" }],
])("%s passes its Idempotency-Key on, and makes one where there is none", async (request, rpc, body) => {
  standIn.answer("GetProduct", () => ({ product: laptop }));
  standIn.answer("GetUser", () => ({ user: { id: "u", username: "ada" } }));
  const keyAskedWith = () => standIn.asked.find((asked) => asked.rpc === rpc)?.request;
  await send(request, body, { "idempotency-key": "mine" });
  expect(keyAskedWith()).toMatchObject({ requestId: "mine" });
  standIn.asked.length = 0;
  await send(request, body);
  expect(keyAskedWith()).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
});

test("deleting a product releases what was set aside by hand", async () => {
  standIn.answer("GetProduct", () => ({ product: laptop }));
  expect((await send("DELETE /api/v1/products/p")).body).toEqual({ deleted: true });
  expect(standIn.asked.at(-1)?.request).toEqual({ id: "p", releaseManual: true });
});

test.each(["application/json", "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"])(
  "a request without a body may say that its body is %s",
  async (type) => {
    standIn.answer("GetProduct", () => ({ product: laptop }));
    standIn.answer("GetAddress", () => ({ address: home }));
    standIn.answer("GetOrder", () => ({ order: { ...order, state: Order_State.AWAITING_PAYMENT } }));
    standIn.answer("PayOrder", () => ({ order: { ...order, state: Order_State.COMPLETED } }));
    standIn.answer("CancelOrder", () => ({ order: { ...order, state: Order_State.CANCELLED } }));
    for (const request of [
      "POST /api/v1/orders/o/pay",
      "POST /api/v1/orders/o/cancel",
      "DELETE /api/v1/products/p",
      "DELETE /api/v1/users/u",
      "DELETE /api/v1/users/u/addresses/a",
      "POST /api/payments/p/refund",
    ]) {
      const { status } = await send(request, undefined, { "content-type": type });
      expect([request, status]).toEqual([request, request.endsWith("refund") ? 201 : 200]);
    }
    const needed = await send("POST /api/v1/orders", undefined, { "content-type": type });
    expect(needed).toMatchObject({ status: 400, body: { reason: "INVALID_REQUEST" } });
  },
);

test("a body of another type is 415, and one that is not JSON is 400", async () => {
  const post = (type: string, body: string) =>
    fetch(`${surfaces.url}/api/v1/orders`, { method: "POST", headers: { "content-type": type }, body });
  expect((await post("text/plain", "{}")).status).toBe(415);
  expect((await post("application/json", "{")).status).toBe(400);
});

test.each([
  ["an empty name", { username: "", password: "secret" }, 401],
  ["an empty password", { username: "ada", password: "" }, 401],
  ["both empty", { username: "", password: "" }, 401],
  ["a name longer than any", { username: "a".repeat(255), password: "secret" }, 401],
  ["a password longer than any", { username: "ada", password: "a".repeat(129) }, 401],
  ["a NUL in the name", { username: "a\0", password: "secret" }, 401],
  ["no password", { username: "ada" }, 400],
  ["a name that is null", { username: null, password: "secret" }, 400],
  ["a password that is a number", { username: "ada", password: 123456 }, 400],
])("signing in with %s", async (_what, body, status) => {
  standIn.answer("SignIn", () => ({}));
  const refused = await send("POST /api/v1/login", body);
  expect([refused.status, refused.body.reason]).toEqual([
    status,
    status === 401 ? "BAD_CREDENTIALS" : "INVALID_REQUEST",
  ]);
});

test("a change of an address that others change, too, is made on what they made of it", async () => {
  let version = 1;
  let stored = home.address;
  standIn.answer("GetAddress", () => ({ address: { ...home, address: stored, etag: String(version) } }));
  standIn.answer("UpdateAddress", ({ address: { etag, address } }) => {
    if (etag !== String(version)) {
      throw new DomainError(reasons, "ETAG_MISMATCH", "it has changed");
    }
    version++;
    stored = address;
    return {};
  });
  const changes = [{ city: "Albany" }, { line1: "2 Main St" }, { phone: "+1" }, { line2: "left" }];
  const answers = await Promise.all(changes.map((change) => send("PUT /api/v1/users/u/addresses/a", change)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(stored).toMatchObject({ city: "Albany", line1: "2 Main St", phone: "+1", line2: "left" });
  standIn.answer("UpdateAddress", () => ({}));
});

test("stock is reserved and released by hand", async () => {
  standIn.answer("GetProduct", () => ({ product: laptop }));
  standIn.answer("ReleaseManually", () => ({ product: { ...laptop, available: 9 } }));
  expect((await send("POST /api/v1/products/p/reserve", { quantity: 2 })).body).toEqual({ reserved: 2, stock: 7 });
  expect((await send("POST /api/v1/products/p/release", { quantity: 2 })).body).toEqual({ released: 2, stock: 9 });
});

test("an order reserves stock, is for the default address, and waits to be paid", async () => {
  standIn.answer("GetOrder", fails("ORDER_NOT_FOUND"));
  standIn.answer("ListAddresses", () => ({ addresses: [{ ...home, id: "old", isDefault: false }, home] }));
  standIn.answer("Checkout", () => ({ order: { ...order, state: Order_State.AWAITING_PAYMENT } }));
  const item = { productId: "p", quantity: 1 };
  const made = await send("POST /api/v1/orders", { userId: "u", items: [item, item] }, { "idempotency-key": "k" });
  expect(made).toMatchObject({ status: 201, body: { id: "o", status: "PENDING" } });
  expect(made.headers.get("idempotency-replayed")).toBeNull();
  expect(standIn.asked.at(-1)?.request).toMatchObject({
    orderId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    customerId: "u",
    lines: [{ productId: "p", quantity: 2 }],
    paymentMethod: "pm_ok",
    payLater: true,
    shippingAddress: { recipient: "ada", ...address, savedAddressId: "a" },
    waitFor: "WAIT_FOR_RESERVED",
    requestId: "k",
  });
});

test("a repeat gets the first answer, whatever has changed since", async () => {
  standIn.answer("GetOrder", () => ({ order: { ...order, state: Order_State.COMPLETED } }));
  const items = [{ productId: "p", quantity: 2 }];
  const again = await send("POST /api/v1/orders", { userId: "u", items }, { "idempotency-key": "k" });
  expect(again).toMatchObject({ status: 200, body: { id: "o", status: "PENDING" } });
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect(rpcs()).toEqual(["GetOrder"]);
});

test.each([
  ["another number", { items: [{ productId: "p", quantity: 3 }] }],
  ["another product", { items: [{ productId: "q", quantity: 2 }] }],
  ["another address", { items: [{ productId: "p", quantity: 2 }], shippingAddressId: "b" }],
])("a repeat with %s is 422", async (_what, body) => {
  standIn.answer("GetOrder", () => ({ order: { ...order, state: Order_State.COMPLETED } }));
  const again = await send("POST /api/v1/orders", { userId: "u", ...body }, { "idempotency-key": "k" });
  expect(again).toMatchObject({ status: 422, body: { reason: "REQUEST_ID_REUSED" } });
});

test("if the first request is not done at the deadline, it is 503 and a repeat is 409, both with Retry-After", async () => {
  standIn.answer("GetOrder", () => ({ order: { ...order, state: Order_State.PENDING } }));
  standIn.answer("Checkout", () => ({ order: { ...order, state: Order_State.PENDING }, attached: true }));
  const body = { userId: "u", items: [{ productId: "p", quantity: 2 }] };
  const again = await send("POST /api/v1/orders", body, { "idempotency-key": "k" });
  expect(again).toMatchObject({ status: 409, body: { reason: "REQUEST_UNDER_WAY" } });
  expect(again.headers.get("retry-after")).toBe("1");
  standIn.answer("ListAddresses", () => ({ addresses: [] }));
  standIn.answer("Checkout", () => ({ order: { ...order, state: Order_State.PENDING } }));
  const first = await send("POST /api/v1/orders", body);
  expect(first).toMatchObject({ status: 503, body: { reason: "NOT_DECIDED", metadata: { order_id: "o" } } });
  expect(first.headers.get("retry-after")).toBe("1");
});

test("a key of 65 characters is 400", async () => {
  const body = { userId: "u", items: [{ productId: "p", quantity: 2 }] };
  expect((await send("POST /api/v1/orders", body, { "idempotency-key": "k".repeat(65) })).status).toBe(400);
  expect(rpcs()).toEqual([]);
});

test.each([
  ["an unknown product", { Checkout: fails("PRODUCT_NOT_FOUND") }, "PRODUCT_NOT_FOUND"],
  ["an unknown user", { ListAddresses: fails("USER_NOT_FOUND") }, "USER_NOT_FOUND"],
  [
    "too little stock",
    {
      Checkout: () => ({
        order: {
          ...order,
          state: Order_State.REJECTED,
          outcomeReason: "OUT_OF_STOCK",
          shortages: [{ productId: "p", requested: 2, available: 1 }],
        },
      }),
    },
    "OUT_OF_STOCK",
  ],
])("an order of %s is 400", async (_what, answers, reason) => {
  standIn.answer("ListAddresses", () => ({ addresses: [] }));
  for (const [rpc, answer] of Object.entries(answers)) {
    standIn.answer(rpc, answer);
  }
  const refused = await send("POST /api/v1/orders", { userId: "u", items: [{ productId: "p", quantity: 2 }] });
  expect(refused).toMatchObject({ status: 400, body: { reason, error: expect.any(String) } });
});

test("an order has its total as text; its details have it as a number, with user, address and products", async () => {
  const withAddress = { ...order, state: Order_State.SHIPPING, shippingAddress: { ...address, savedAddressId: "a" } };
  standIn.answer("GetOrder", () => ({ order: withAddress }));
  standIn.answer("GetUser", () => ({ user: { id: "u", username: "ada", email: "a@b.c", createTime: time } }));
  standIn.answer("ListAddresses", () => ({ addresses: [home] }));
  standIn.answer("BatchGetProducts", () => ({ products: [laptop] }));
  const date = "Wed, 27 Aug 2025 09:00:35 GMT";
  expect((await send("GET /api/v1/orders/o")).body).toEqual({
    id: "o",
    user_id: "u",
    status: "PAID",
    total_amount: "2400.00",
    shipping_address_id: "a",
    created_at: date,
    updated_at: date,
    items: [{ product_id: "p", quantity: 2, price: "1200.00" }],
  });
  const where = {
    id: "a",
    line1: "1 Main St",
    line2: null,
    city: "NYC",
    state: "NY",
    postal_code: "10001",
    country: "US",
    phone: null,
  };
  expect((await send("GET /api/v1/orders/o/details")).body).toEqual({
    id: "o",
    status: "PAID",
    total_amount: 2400,
    created_at: "2025-08-27T09:00:35.000Z",
    updated_at: "2025-08-27T09:00:35.000Z",
    userId: "u",
    shippingAddressId: "a",
    shippingAddress: { ...where, is_default: 1 },
    user: {
      id: "u",
      username: "ada",
      email: "a@b.c",
      phone: null,
      created_at: date,
      addresses: [{ ...where, is_default: 1 }],
    },
    items: [
      {
        productId: "p",
        quantity: 2,
        product: { id: "p", name: "Laptop", description: null, price: "1200.00", stock: 7 },
      },
    ],
  });
});

test("details are without a user and a product that were deleted", async () => {
  standIn.answer("GetOrder", () => ({ order }));
  standIn.answer("GetUser", fails("USER_NOT_FOUND"));
  standIn.answer("ListAddresses", fails("USER_NOT_FOUND"));
  standIn.answer("BatchGetProducts", () => ({ products: [] }));
  expect((await send("GET /api/v1/orders/o/details")).body).toMatchObject({
    user: null,
    shippingAddressId: null,
    shippingAddress: null,
    items: [{ product: null }],
  });
});

test.each([
  ["PENDING", ["PENDING", "RESERVED", "AWAITING_PAYMENT"]],
  ["PAID", ["PAID", "SHIPPING", "COMPLETED"]],
  ["CANCELLED", ["CANCELLING", "REJECTED", "CANCELLED", "EXPIRED"]],
])("orders that are %s are those in each of its states", async (status, states) => {
  standIn.answer("ListOrders", ({ states }: { states: Order_State[] }) => ({
    orders: states.map((state) => ({ ...order, state })),
    nextPageToken: "more",
  }));
  const { body } = await send(`GET /api/v1/orders?userId=u&status=${status}&limit=500&cursor=c`);
  expect(body.orders.map((each: { status: string }) => each.status)).toEqual(states.map(() => status));
  expect(body.nextCursor).toBe("more");
  expect(standIn.asked[0]?.request).toEqual({
    customerId: "u",
    states: states.map((state) => `STATE_${state}`),
    pageSize: 100,
    pageToken: "c",
  });
});

test("paying answers PAID when the order is shipped", async () => {
  standIn.answer("PayOrder", () => ({ order: { ...order, state: Order_State.COMPLETED } }));
  const paid = await send("POST /api/v1/orders/o/pay");
  expect([paid.status, paid.body]).toEqual([200, { id: "o", status: "PAID" }]);
});

test.each([
  ["one that is cancelled", fails("NOT_PAYABLE"), "NOT_PAYABLE", 409],
  [
    "one that is declined",
    () => ({ order: { ...order, state: Order_State.AWAITING_PAYMENT, payment: { declineReason: "no_funds" } } }),
    "PAYMENT_DECLINED",
    409,
  ],
  ["one that cannot be shipped", () => ({ order: { ...order, state: Order_State.CANCELLED } }), "ORDER_CANCELLED", 409],
  [
    "one whose attempt was declined before a later attempt",
    () => ({ order: { ...order, state: Order_State.AWAITING_PAYMENT }, attempt: 1, declineReason: "no_funds" }),
    "PAYMENT_DECLINED",
    409,
  ],
  [
    "one whose attempt was declined before a later one paid, again with the same key,",
    () => ({ order: { ...order, state: Order_State.COMPLETED }, attempt: 1, declineReason: "no_funds" }),
    "PAYMENT_DECLINED",
    409,
  ],
  ["one under way", () => ({ order: { ...order, state: Order_State.AWAITING_PAYMENT } }), "NOT_DECIDED", 503],
  ["one that there is not", fails("ORDER_NOT_FOUND"), "ORDER_NOT_FOUND", 404],
])("paying %s is no success", async (_what, answer, reason, status) => {
  standIn.answer("PayOrder", answer);
  expect(await send("POST /api/v1/orders/o/pay")).toMatchObject({ status, body: { reason } });
});

test.each([
  ["waits to be paid", Order_State.AWAITING_PAYMENT, 200, "CANCELLED"],
  ["is cancelled", Order_State.CANCELLED, 200, "CANCELLED"],
  ["was sold out", Order_State.REJECTED, 200, "CANCELLED"],
  ["was not paid in time", Order_State.EXPIRED, 200, "CANCELLED"],
  ["is paid", Order_State.PAID, 409, undefined],
  ["is completed", Order_State.COMPLETED, 409, undefined],
])("cancelling an order that %s", async (_what, state, status, shows) => {
  standIn.answer("GetOrder", () => ({ order: { ...order, state } }));
  standIn.answer("CancelOrder", () => ({ order: { ...order, state: Order_State.CANCELLED } }));
  const answer = await send("POST /api/v1/orders/o/cancel");
  expect([answer.status, answer.body.status]).toEqual([status, shows ?? 409]);
  expect(rpcs().includes("CancelOrder")).toBe(state === Order_State.AWAITING_PAYMENT);
});

test("an order that is paid while it is being cancelled is 409", async () => {
  const states = [Order_State.AWAITING_PAYMENT, Order_State.PAID];
  standIn.answer("GetOrder", () => ({ order: { ...order, state: states.shift() } }));
  standIn.answer("CancelOrder", fails("NOT_CANCELLABLE"));
  expect(await send("POST /api/v1/orders/o/cancel")).toMatchObject({ status: 409, body: { reason: "ORDER_PAID" } });
  expect(standIn.asked.find(({ rpc }) => rpc === "CancelOrder")?.request).toMatchObject({ onlyUnpaid: true });
});

test("signing in returns the token, and registering the user", async () => {
  const user = { id: "u", username: "ada", email: "a@b.c" };
  standIn.answer("SignIn", () => ({ session: { accessToken: "ey" }, user }));
  standIn.answer("RegisterByForeignRules", () => ({ user }));
  const signedIn = await send("POST /api/v1/login", { username: "ada", password: "secret" });
  expect([signedIn.status, signedIn.body]).toEqual([200, { ...user, token: "ey" }]);
  const made = await send("POST /api/v1/users", { ...user, password: "secret" });
  expect([made.status, made.body]).toEqual([201, { ...user, phone: null }]);
});

test("an address is stored with the user's name and the country's code, and changed field by field", async () => {
  standIn.answer("GetUser", () => ({ user: { id: "u", username: "ada" } }));
  standIn.answer("CreateAddress", () => ({ address: home }));
  standIn.answer("GetAddress", () => ({ address: { ...home, etag: "1" } }));
  const asked = {
    line1: "1 Main St",
    city: "NYC",
    state: "NY",
    postal_code: "10001",
    country: "usa",
    is_default: true,
  };
  expect(await send("POST /api/v1/users/u/addresses", asked)).toMatchObject({ status: 201, body: { id: "a" } });
  expect(standIn.asked.at(-1)?.request).toMatchObject({
    userId: "u",
    address: { recipient: "ada", ...address },
    isDefault: true,
  });
  expect((await send("PUT /api/v1/users/u/addresses/a", { city: "Albany", line2: null })).body).toEqual({
    updated: true,
  });
  expect(standIn.asked.at(-1)?.request).toEqual({
    address: { id: "a", userId: "u", etag: "1", address: { recipient: "ada", ...address, city: "Albany" } },
    updateMask: "address",
  });
  expect((await send("DELETE /api/v1/users/u/addresses/a")).body).toEqual({ deleted: true });
  standIn.answer("GetAddress", fails("ADDRESS_NOT_FOUND"));
  expect((await send("DELETE /api/v1/users/u/addresses/a")).status).toBe(404);
});
