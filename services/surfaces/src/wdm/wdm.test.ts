import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
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
  CART_NOT_FOUND: Code.NotFound,
  CART_EMPTY: Code.FailedPrecondition,
  CART_CLOSED: Code.FailedPrecondition,
  CART_CHECKING_OUT: Code.Aborted,
  CONTENTION: Code.Aborted,
  PAYMENT_DECLINED: Code.FailedPrecondition,
  AWAY: Code.Unavailable,
  SLOW: Code.DeadlineExceeded,
});

function fail(reason: keyof typeof reasons) {
  throw new DomainError(reasons, reason, `it fails with ${reason}`);
}

const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
const aRequestId = expect.stringMatching(/^[0-9a-f-]{36}$/);

describe("routes", () => {
  test("create_user opens an account with an id of its own", async () => {
    const { status, body } = await surfaces.send("POST /payment/create_user");
    expect(status).toBe(200);
    expect(body.user_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(standIn.asked[0]).toMatchObject({
      rpc: "CreateAccount",
      request: { customerId: body.user_id, currencyCode: "USD" },
    });
  });

  test("add_funds deposits, find_user shows the balance, pay charges it", async () => {
    standIn.answer("GetAccount", () => ({ account: { customerId: "u", balance: usd(15n) } }));
    await surfaces.send("POST /payment/add_funds/u/15");
    expect(await surfaces.send("GET /payment/find_user/u")).toMatchObject({
      status: 200,
      body: { user_id: "u", credit: 15 },
    });
    await surfaces.send("POST /payment/pay/u/10");
    expect(standIn.asked.map(({ rpc, request }) => [rpc, request])).toEqual([
      ["Deposit", { customerId: "u", amount: { currencyCode: "USD", minorUnits: "15" }, requestId: aRequestId }],
      ["GetAccount", { customerId: "u", currencyCode: "USD" }],
      ["CreatePayment", { customerId: "u", amount: { currencyCode: "USD", minorUnits: "10" }, requestId: aRequestId }],
    ]);
  });

  test("item/create makes a product with that price and no stock, titled by its id", async () => {
    const { body } = await surfaces.send("POST /stock/item/create/5");
    expect(standIn.asked[0]).toMatchObject({
      rpc: "CreateProduct",
      request: {
        product: { id: body.item_id, title: `Item ${body.item_id}`, price: { currencyCode: "USD", minorUnits: "5" } },
      },
    });
  });

  test("add and subtract move stock, find shows what can be sold and the price", async () => {
    standIn.answer("GetProduct", () => ({
      product: { id: "i", onHand: 9, reserved: 2, available: 7, price: usd(5n) },
    }));
    await surfaces.send("POST /stock/add/i/9");
    await surfaces.send("POST /stock/subtract/i/3");
    expect((await surfaces.send("GET /stock/find/i")).body).toEqual({ stock: 7, price: 5 });
    expect(standIn.asked.slice(0, 2).map(({ rpc, request }) => [rpc, request])).toEqual([
      ["AdjustStock", { productId: "i", delta: 9, reason: "REASON_RECEIPT", requestId: aRequestId }],
      ["AdjustStock", { productId: "i", delta: -3, reason: "REASON_CORRECTION", requestId: aRequestId }],
    ]);
  });

  test("an order is a cart: created, added to, and found", async () => {
    const lines = [
      { productId: "a", quantity: 2 },
      { productId: "b", quantity: 1 },
    ];
    standIn.answer("CreateCart", () => ({ cart: { id: "c" } }));
    standIn.answer("GetCart", () => ({
      cart: { id: "c", customerId: "u", state: Cart_State.PURCHASED, lines, total: usd(25n) },
    }));
    expect((await surfaces.send("POST /orders/create/u")).body).toEqual({ order_id: "c" });
    expect((await surfaces.send("POST /orders/addItem/c/a/2")).status).toBe(200);
    expect((await surfaces.send("GET /orders/find/c")).body).toEqual({
      order_id: "c",
      paid: true,
      items: [
        ["a", 2],
        ["b", 1],
      ],
      user_id: "u",
      total_cost: 25,
    });
    expect(standIn.asked.slice(0, 2).map(({ rpc, request }) => [rpc, request])).toEqual([
      ["CreateCart", { customerId: "u", requestId: aRequestId }],
      ["AddCartItem", { id: "c", productId: "a", quantity: 2, requestId: aRequestId }],
    ]);
  });

  test("submit and hello answer, whatever the body", async () => {
    const octets = { body: "x", headers: { "content-type": "application/octet-stream" } };
    expect((await surfaces.send("POST /submit/4", octets)).headers.get("content-type")).toContain("application/json");
    expect((await surfaces.send("POST /hello", octets)).body).toBe("Hey");
  });
});

test.each<[request: string, rpc: string, asked: object]>([
  ["POST /payment/create_user", "CreateAccount", { customerId: expect.stringMatching(/^[0-9a-f-]{36}$/) }],
  ["POST /payment/add_funds/u/5", "Deposit", { requestId: "mine" }],
  ["POST /payment/pay/u/5", "CreatePayment", { requestId: "mine" }],
  ["POST /stock/item/create/5", "CreateProduct", { product: { id: expect.stringMatching(/^[0-9a-f-]{36}$/) } }],
  ["POST /stock/add/i/5", "AdjustStock", { requestId: "mine" }],
  ["POST /stock/subtract/i/5", "AdjustStock", { requestId: "mine" }],
  ["POST /orders/create/u", "CreateCart", { requestId: "mine" }],
  ["POST /orders/addItem/o/i/1", "AddCartItem", { requestId: "mine" }],
  ["POST /orders/checkout/o", "Checkout", { requestId: "mine" }],
])("%s repeated with its Idempotency-Key is the same call, and another one without", async (request, rpc, asked) => {
  standIn.answer("GetCart", () => ({ cart: { id: "o", customerId: "u", state: Cart_State.OPEN } }));
  standIn.answer("Checkout", () => ({ order: { id: "o", state: Order_State.COMPLETED } }));
  const headers = { "idempotency-key": "mine" };
  for (const more of [{ headers }, { headers }, {}]) {
    expect((await surfaces.send(request, more)).status).toBe(200);
  }
  const [first, again, other] = standIn.asked.filter((call) => call.rpc === rpc).map((call) => call.request);
  expect(first).toMatchObject(asked);
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
});

test("an item is taken out of an order", async () => {
  standIn.answer("RemoveCartItem", () => ({ cart: { id: "o", total: { currencyCode: "USD", minorUnits: 7n } } }));
  const { status, body } = await surfaces.send("DELETE /orders/removeItem/o/i");
  expect([status, body]).toEqual([200, { order_id: "o", total_cost: 7 }]);
  expect(standIn.asked.at(-1)?.request).toEqual({ id: "o", productId: "i" });
});

describe("batch_init", () => {
  test("users, in calls of at most 5,000, with the ids 0 to n - 1", async () => {
    const { status, headers } = await surfaces.send("POST /payment/batch_init/12001/7");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("application/json");
    expect(standIn.asked.every(({ rpc }) => rpc === "BatchPutAccounts")).toBe(true);
    const items = itemsAsked();
    expect(standIn.asked).toHaveLength(3);
    expect(items.map(({ customerId }) => Number(customerId)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 12_001 }, (_, n) => n),
    );
    expect(items[0]?.balance).toEqual({ currencyCode: "USD", minorUnits: "7" });
  });

  test("items, with their stock and price", async () => {
    await surfaces.send("POST /stock/batch_init/3/100/5");
    expect(standIn.asked[0]?.rpc).toBe("BatchPutProducts");
    expect(itemsAsked()).toEqual(
      ["0", "1", "2"].map((id) => ({
        product: { id, title: `Item ${id}`, price: { currencyCode: "USD", minorUnits: "5" } },
        onHand: 100,
      })),
    );
  });

  test("orders, of two random items each and a random user", async () => {
    await surfaces.send("POST /orders/batch_init/500/2/3/5");
    const items = itemsAsked();
    expect(items.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, n) => String(n)));
    for (const { customerId, lines } of items) {
      expect(["0", "1", "2"]).toContain(customerId);
      expect(lines.reduce((sum: number, { quantity }: { quantity: number }) => sum + quantity, 0)).toBe(2);
      expect(new Set(lines.map(({ productId }: { productId: string }) => productId)).size).toBe(lines.length);
    }
  });

  test("stops with an error when a call fails", async () => {
    standIn.answer("BatchPutCarts", () => fail("CART_CHECKING_OUT"));
    const { status, body } = await surfaces.send("POST /orders/batch_init/100000/2/3/5");
    expect([status, body.reason]).toEqual([409, "CART_CHECKING_OUT"]);
    expect(standIn.asked.length).toBeLessThanOrEqual(3);
  });

  // biome-ignore lint/suspicious/noExplicitAny: of three kinds.
  const itemsAsked = (): any[] => standIn.asked.flatMap(({ request }) => (request as any).items);
});

describe("checkout", () => {
  const open = { id: "c", customerId: "u", state: Cart_State.OPEN };
  const answerCart = (cart: object) => standIn.answer("GetCart", () => ({ cart }));
  const checkouts = () => standIn.asked.filter(({ rpc }) => rpc === "Checkout").map(({ request }) => request);

  test("waits for the order's end and answers 200 when it is completed", async () => {
    answerCart(open);
    standIn.answer("Checkout", () => ({ order: { id: "o", state: Order_State.COMPLETED } }));
    const { status, body } = await surfaces.send("POST /orders/checkout/c");
    expect([status, body]).toEqual([200, { order_id: "c", paid: true, order: "o", msg: "checkout successful" }]);
    expect(checkouts()).toEqual([
      { customerId: "u", cartId: "c", waitFor: "WAIT_FOR_COMPLETED", waitAtMost: "30s", requestId: aRequestId },
    ]);
  });

  test("a slow order is requested again with the same key until it is final", async () => {
    answerCart(open);
    const states = [Order_State.PENDING, Order_State.PAID, Order_State.SHIPPING, Order_State.COMPLETED];
    standIn.answer("Checkout", () => ({ order: { id: "o", state: states.shift() } }));
    expect((await surfaces.send("POST /orders/checkout/c")).status).toBe(200);
    expect(checkouts()).toHaveLength(4);
    expect(new Set(checkouts().map((request) => JSON.stringify(request))).size).toBe(1);
  });

  test.each(["AWAY", "SLOW", "CONTENTION"] as const)(
    "a failure that passes (%s) is waited out with the same key",
    async (reason) => {
      answerCart(open);
      let failures = 3;
      standIn.answer("Checkout", () =>
        failures-- > 0 ? fail(reason) : { order: { id: "o", state: Order_State.COMPLETED } },
      );
      expect((await surfaces.send("POST /orders/checkout/c")).status).toBe(200);
      expect(new Set(checkouts().map((request) => JSON.stringify(request))).size).toBe(1);
    },
  );

  test.each([
    [
      "sold out",
      {
        state: Order_State.REJECTED,
        outcomeReason: "OUT_OF_STOCK",
        shortages: [{ productId: "i", requested: 3, available: 2 }],
      },
      "OUT_OF_STOCK",
      "i: 3 asked for, 2 there",
    ],
    [
      "declined",
      { state: Order_State.REJECTED, outcomeReason: "PAYMENT_DECLINED", outcomeDetail: "insufficient_funds" },
      "PAYMENT_DECLINED",
      "insufficient_funds",
    ],
    [
      "cancelled",
      { state: Order_State.CANCELLED, outcomeReason: "CANCELLED_BY_CUSTOMER" },
      "CANCELLED_BY_CUSTOMER",
      "not made",
    ],
    [
      "left to be paid later by somebody else's checkout",
      { state: Order_State.AWAITING_PAYMENT },
      "AWAITING_PAYMENT",
      "not made",
    ],
  ])("an order that is %s is 409 with the reason", async (_what, order, reason, named) => {
    answerCart(open);
    standIn.answer("Checkout", () => ({ order: { id: "o", ...order } }));
    const { status, body } = await surfaces.send("POST /orders/checkout/c");
    expect([status, body.reason]).toEqual([409, reason]);
    expect(body.detail).toContain(named);
    expect(body.metadata.order_id).toBe("o");
  });

  test("a purchased cart is paid, and not checked out again", async () => {
    answerCart({ ...open, state: Cart_State.PURCHASED, orderId: "o" });
    expect(await surfaces.send("POST /orders/checkout/c")).toMatchObject({
      status: 200,
      body: { paid: true, order: "o", msg: "already paid" },
    });
    expect(checkouts()).toEqual([]);
  });

  test("a cart purchased by another request meanwhile is paid; a deleted one is not", async () => {
    let state: number = Cart_State.OPEN;
    let then: number = Cart_State.PURCHASED;
    standIn.answer("GetCart", () => ({ cart: { ...open, state, orderId: "o" } }));
    standIn.answer("Checkout", () => {
      state = then;
      fail("CART_CLOSED");
    });
    expect(await surfaces.send("POST /orders/checkout/c")).toMatchObject({
      status: 200,
      body: { msg: "already paid" },
    });
    state = Cart_State.OPEN;
    then = Cart_State.DELETED;
    expect(await surfaces.send("POST /orders/checkout/c")).toMatchObject({
      status: 409,
      body: { reason: "CART_CLOSED" },
    });
  });

  test("an empty cart and an unknown one are refused", async () => {
    answerCart(open);
    standIn.answer("Checkout", () => fail("CART_EMPTY"));
    expect(await surfaces.send("POST /orders/checkout/c")).toMatchObject({
      status: 409,
      body: { reason: "CART_EMPTY" },
    });
    standIn.answer("GetCart", () => fail("CART_NOT_FOUND"));
    expect(await surfaces.send("POST /orders/checkout/c")).toMatchObject({
      status: 404,
      body: { reason: "CART_NOT_FOUND" },
    });
  });

  test("a cart that is being checked out takes no items: 409", async () => {
    standIn.answer("AddCartItem", () => fail("CART_CHECKING_OUT"));
    expect(await surfaces.send("POST /orders/addItem/c/i/1")).toMatchObject({
      status: 409,
      body: { reason: "CART_CHECKING_OUT" },
    });
  });
});
