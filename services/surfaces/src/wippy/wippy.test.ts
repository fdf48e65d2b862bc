import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestSurfaces, type TestSurfaces } from "../testing/surfaces.ts";

let standIn: StandIn;
let surfaces: TestSurfaces;

beforeAll(async () => {
  standIn = await startStandIn();
  surfaces = await startTestSurfaces(standIn.address, { paymentMethod: "pm_of_the_shop" });
});

afterAll(async () => {
  await surfaces[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

afterEach(() => {
  standIn.asked.length = 0;
});

const reasons = defineReasons({
  SLOW: Code.DeadlineExceeded,
  ORDER_NOT_FOUND: Code.NotFound,
  PRODUCT_NOT_FOUND: Code.NotFound,
});
const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
const laptop = {
  id: "product.laptop",
  sku: "LAPTOP-001",
  title: "Laptop Pro 16",
  price: usd(149_999n),
  onHand: 50,
  reserved: 2,
  available: 48,
};
const lines = [
  { productId: "product.laptop", sku: "LAPTOP-001", title: "Laptop Pro 16", quantity: 1, unitPrice: usd(149_999n) },
  { productId: "product.keyboard", sku: "KB-002", title: "Keyboard", quantity: 2, unitPrice: usd(14_999n) },
];
const cart = { id: "c", customerId: "alice", isDefault: true, lines, total: usd(179_997n) };
const aRequestId = expect.stringMatching(/^[0-9a-f-]{36}$/);
const rpcs = () => standIn.asked.map(({ rpc }) => rpc);
const requestsOf = (name: string) => standIn.asked.filter(({ rpc }) => rpc === name).map(({ request }) => request);
const textOf = async (path: string) => await (await fetch(`${surfaces.url}${path}`)).text();

describe("products", () => {
  test("have the Wippy shop's ids, and prices with two decimals", async () => {
    standIn.answer("ListProducts", () => ({ products: [laptop, { ...laptop, id: "mug", price: usd(1_500n) }] }));
    const text = await textOf("/api/products");
    expect(JSON.parse(text).products[0]).toEqual({
      id: "app:product.laptop",
      title: "Laptop Pro 16",
      sku: "LAPTOP-001",
      price: 1499.99,
      stock: 48,
    });
    expect(text).toContain('"id":"app:mug","title":"Laptop Pro 16","sku":"LAPTOP-001","price":15.00,');
    expect(text).not.toContain("next_page_token");
  });

  test("a thousand are listed, with the token of the next page", async () => {
    standIn.answer("ListProducts", ({ pageToken }) => ({
      products: Array.from({ length: 200 }, () => laptop),
      nextPageToken: `${pageToken}+`,
    }));
    const { body } = await surfaces.send("GET /api/products?page_token=from");
    expect([body.products.length, body.next_page_token]).toEqual([1_000, "from+++++"]);
  });
});

describe("adding", () => {
  test("finds the product, opens an account with the first line, and returns what was added", async () => {
    standIn.answer("BatchGetProducts", () => ({ products: [laptop] }));
    standIn.answer("GetDefaultCart", () => ({ cart: { id: "c", customerId: "alice" } }));
    const { status, body } = await surfaces.send("POST /api/cart/alice/items", { body: { sku: "LAPTOP-001" } });
    expect(status).toBe(200);
    expect(body).toEqual({
      status: "added",
      user_id: "alice",
      item: { sku: "LAPTOP-001", title: "Laptop Pro 16", price: 1499.99, quantity: 1 },
    });
    expect(standIn.asked.slice(1).map(({ rpc, request }) => [rpc, request])).toEqual([
      ["GetDefaultCart", { customerId: "alice", withoutAvailability: true }],
      ["CreateAccount", { customerId: "alice", currencyCode: "USD", requestId: aRequestId }],
      ["AddCartItem", { customerId: "alice", productId: "product.laptop", quantity: 1, requestId: aRequestId }],
    ]);
  });

  test("to a cart with lines opens no account; unknown fields are ignored", async () => {
    standIn.answer("BatchGetProducts", () => ({ products: [laptop] }));
    standIn.answer("GetDefaultCart", () => ({ cart }));
    const body = { sku: "LAPTOP-001", quantity: 2, colour: "grey" };
    expect((await surfaces.send("POST /api/cart/alice/items", { body })).body.item.quantity).toBe(2);
    expect(rpcs()).toEqual(["BatchGetProducts", "GetDefaultCart", "AddCartItem"]);
  });

  test.each(["LAPTOP-001", "product.laptop", "app:product.laptop"])("takes %s for the same product", async (sku) => {
    standIn.answer("BatchGetProducts", () => ({ products: [laptop] }));
    standIn.answer("GetDefaultCart", () => ({ cart }));
    expect((await surfaces.send("POST /api/cart/alice/items", { body: { sku } })).body.item.sku).toBe("LAPTOP-001");
    const name = sku.replace("app:", "");
    expect(requestsOf("BatchGetProducts")).toEqual([{ ids: [name], skus: [name], withoutDescriptions: true }]);
  });

  test("a name that is one product's id and another's SKU is the SKU", async () => {
    const other = { ...laptop, id: "LAPTOP-001", sku: "OTHER" };
    standIn.answer("BatchGetProducts", () => ({ products: [other, laptop] }));
    standIn.answer("GetDefaultCart", () => ({ cart }));
    await surfaces.send("POST /api/cart/alice/items", { body: { sku: "LAPTOP-001" } });
    expect(requestsOf("AddCartItem")).toMatchObject([{ productId: "product.laptop" }]);
  });

  test("leaves the choice of the cart to the order service, and passes the key on", async () => {
    standIn.answer("BatchGetProducts", () => ({ products: [laptop] }));
    standIn.answer("GetDefaultCart", () => ({ cart }));
    const headers = { "idempotency-key": "k" };
    expect((await surfaces.send("POST /api/cart/alice/items", { body: { sku: "KB-002" }, headers })).status).toBe(200);
    expect(requestsOf("AddCartItem")).toEqual([
      { customerId: "alice", productId: "product.laptop", quantity: 1, requestId: "k" },
    ]);
  });

  test.each([
    ["no sku", { quantity: 1 }, 400, "sku:"],
    ["a sku that is no text", { sku: 5 }, 400, "sku:"],
    ["none at all of it", { sku: "KB-002", quantity: 0 }, 400, "quantity:"],
    ["no JSON", "{sku", 400, "the body is not JSON"],
    ["an array", [], 400, "must be object"],
  ])("%s is 400 with an error", async (_what, body, status, error) => {
    const answer = await surfaces.send("POST /api/cart/alice/items", { body });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([
      status,
      "application/problem+json; charset=utf-8",
    ]);
    expect(answer.body.error).toContain(error);
    expect(standIn.asked).toEqual([]);
  });

  test.each(["NOPE", "with a space", "x".repeat(64), ".."])("an unknown sku (%s) is 404 with an error", async (sku) => {
    standIn.answer("BatchGetProducts", () => ({}));
    const { status, body } = await surfaces.send("POST /api/cart/alice/items", { body: { sku } });
    expect([status, body.reason, body.error]).toEqual([404, "PRODUCT_NOT_FOUND", `there is no product ${sku}`]);
  });

  test("JSON is parsed whatever its content type", async () => {
    standIn.answer("BatchGetProducts", () => ({ products: [laptop] }));
    standIn.answer("GetDefaultCart", () => ({ cart }));
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = JSON.stringify({ sku: "LAPTOP-001" });
    expect((await surfaces.send("POST /api/cart/alice/items", { body, headers })).status).toBe(200);
  });
});

describe("the cart", () => {
  test("has an exact total: 1499.99 and twice 149.99 are 1799.97", async () => {
    standIn.answer("ListCarts", () => ({ carts: [{ id: "other" }, cart] }));
    expect(await textOf("/api/cart/alice")).toBe(
      '{"user_id":"alice","items":[' +
        '{"sku":"LAPTOP-001","title":"Laptop Pro 16","price":1499.99,"quantity":1},' +
        '{"sku":"KB-002","title":"Keyboard","price":149.99,"quantity":2}],"total":1799.97}',
    );
  });

  test("is searched on all pages, and is empty with a message if there is none", async () => {
    const pages = [{ carts: [{ id: "other" }], nextPageToken: "2" }, { carts: [cart] }];
    standIn.answer("ListCarts", () => pages.shift());
    expect((await surfaces.send("GET /api/cart/alice")).body.total).toBe(1799.97);
    standIn.answer("ListCarts", () => ({ carts: [{ id: "other" }] }));
    expect((await surfaces.send("GET /api/cart/alice")).body).toEqual({
      user_id: "alice",
      items: [],
      total: 0,
      message: "Cart is empty (no active session)",
    });
  });

  test("that is not found in time is 504 with an error", async () => {
    standIn.answer("ListCarts", () => {
      throw new DomainError(reasons, "SLOW", "too slow");
    });
    expect(await surfaces.send("GET /api/cart/alice")).toMatchObject({
      status: 504,
      body: { error: expect.stringMatching(/./) },
    });
    standIn.answer("ListCarts", () => ({ carts: [cart] }));
  });
});

describe("checkout", () => {
  // As k6 sends a POST with a header and no body.
  const checkOut = () =>
    surfaces.send("POST /api/cart/alice/checkout", { headers: { "content-type": "application/json" } });

  test("pays with the shop's payment method, and returns the order", async () => {
    standIn.answer("ListCarts", () => ({ carts: [cart] }));
    standIn.answer("Checkout", () => ({
      order: {
        id: "o",
        state: Order_State.COMPLETED,
        lines,
        total: usd(179_997n),
        updateTime: { seconds: 1_738_880_000n },
      },
    }));
    expect(await checkOut()).toMatchObject({
      status: 200,
      body: {
        status: "checked_out",
        order: {
          id: "o",
          user_id: "alice",
          items: [
            { sku: "LAPTOP-001", title: "Laptop Pro 16", price: 1499.99, quantity: 1 },
            { sku: "KB-002", title: "Keyboard", price: 149.99, quantity: 2 },
          ],
          total: 1799.97,
          timestamp: 1_738_880_000,
        },
      },
    });
    expect(requestsOf("Checkout")).toEqual([
      {
        customerId: "alice",
        cartId: "c",
        paymentMethod: "pm_of_the_shop",
        waitFor: "WAIT_FOR_COMPLETED",
        waitAtMost: "10s",
        requestId: aRequestId,
      },
    ]);
  });

  test.each([
    ["no cart", [], "user alice has no cart"],
    ["an empty one", [{ ...cart, lines: [] }], "the cart of user alice is empty"],
  ])("%s is 400 with an error, and nothing is ordered", async (_what, carts, error) => {
    standIn.answer("ListCarts", () => ({ carts }));
    expect(await checkOut()).toMatchObject({ status: 400, body: { reason: "CART_EMPTY", error } });
    expect(rpcs()).toEqual(["ListCarts"]);
  });

  test("a refused order is 409 with its reason", async () => {
    standIn.answer("ListCarts", () => ({ carts: [cart] }));
    const shortages = [{ productId: "product.laptop", requested: 1, available: 0 }];
    standIn.answer("Checkout", () => ({
      order: { id: "o", state: Order_State.REJECTED, outcomeReason: "OUT_OF_STOCK", shortages },
    }));
    expect(await checkOut()).toMatchObject({
      status: 409,
      body: { reason: "OUT_OF_STOCK", error: expect.stringContaining("product.laptop: 1 asked for, 0 there") },
    });
  });

  describe("with a key", () => {
    const headers = { "idempotency-key": "k" };
    const repeat = () => surfaces.send("POST /api/cart/alice/checkout", { headers });
    const completed = { id: "o", cartId: "c", state: Order_State.COMPLETED, lines, total: usd(179_997n) };
    const rejected = { ...completed, state: Order_State.REJECTED, outcomeReason: "OUT_OF_STOCK" };
    const anOrderId = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const notFound = () => {
      throw new DomainError(reasons, "ORDER_NOT_FOUND", "there is no such order");
    };
    afterEach(() => {
      standIn.answer("GetOrder", notFound);
    });

    test("makes an order whose id is the key's", async () => {
      standIn.answer("GetOrder", notFound);
      standIn.answer("ListCarts", () => ({ carts: [cart] }));
      standIn.answer("Checkout", () => ({ order: completed }));
      expect((await repeat()).status).toBe(200);
      expect(requestsOf("Checkout")).toMatchObject([{ orderId: anOrderId, cartId: "c", requestId: "k" }]);
      expect(requestsOf("GetOrder")).toEqual([{ id: (requestsOf("Checkout")[0] as { orderId: string }).orderId }]);
    });

    test.each([
      ["completed", completed, 200, undefined],
      ["rejected", rejected, 409, "OUT_OF_STOCK"],
    ])(
      "a repeat gets the answer of the order that is %s, although the cart is gone",
      async (_what, order, status, reason) => {
        standIn.answer("GetOrder", () => ({ order }));
        standIn.answer("ListCarts", () => ({ carts: [] }));
        const answer = await repeat();
        expect([answer.status, answer.body.reason]).toEqual([status, reason]);
        expect(rpcs()).toEqual(["GetOrder"]);
      },
    );

    test("a repeat of one that is under way waits for the same order, however it is to be paid now", async () => {
      const order = { ...completed, state: Order_State.PAID, payment: { method: "pm_of_before" } };
      standIn.answer("GetOrder", () => ({ order }));
      standIn.answer("Checkout", () => ({ order: completed }));
      expect((await repeat()).status).toBe(200);
      expect(requestsOf("Checkout")).toMatchObject([
        { orderId: "o", cartId: "c", paymentMethod: "pm_of_before", requestId: "k" },
      ]);
      expect(rpcs()).not.toContain("ListCarts");
    });

    test("a repeat that finds the cart gone looks for the order again: the first request has just bought it", async () => {
      const answers = [notFound, () => ({ order: completed })];
      standIn.answer("GetOrder", () => answers.shift()?.());
      standIn.answer("ListCarts", () => ({ carts: [] }));
      expect((await repeat()).status).toBe(200);
    });
  });

  describe("of a cart with products that are gone", () => {
    const gone = () => {
      throw new DomainError(reasons, "PRODUCT_NOT_FOUND", "there is no product product.laptop");
    };

    test("is 409 and names each of its lines, and what removes it", async () => {
      standIn.answer("ListCarts", () => ({ carts: [cart] }));
      standIn.answer("Checkout", gone);
      standIn.answer("BatchGetProducts", () => ({ products: [{ ...laptop, id: "product.keyboard" }] }));
      const { status, body } = await checkOut();
      expect([status, body.reason, body.metadata]).toEqual([
        409,
        "PRODUCT_GONE",
        { product_id: "product.laptop", sku: "LAPTOP-001", customer_id: "alice" },
      ]);
      expect(body.violations).toEqual([
        { field: "items[0]", rule: "sold", message: "Laptop Pro 16 is no longer sold" },
      ]);
      expect(body.error).toBe(
        "no longer sold: LAPTOP-001 (Laptop Pro 16); remove it to buy the rest: DELETE /api/cart/alice/items/LAPTOP-001",
      );
    });

    test.each(["LAPTOP-001", "product.laptop", "app:product.laptop"])("can have them removed as %s", async (sku) => {
      standIn.answer("ListCarts", () => ({ carts: [cart] }));
      const { status, body } = await surfaces.send(`DELETE /api/cart/alice/items/${sku}`);
      expect([status, body]).toEqual([
        200,
        {
          status: "removed",
          user_id: "alice",
          item: { sku: "LAPTOP-001", title: "Laptop Pro 16", price: 1499.99, quantity: 1 },
        },
      ]);
      expect(requestsOf("RemoveCartItem")).toEqual([{ id: "c", customerId: "alice", productId: "product.laptop" }]);
    });

    test("removing what is not in the cart is 404", async () => {
      standIn.answer("ListCarts", () => ({ carts: [cart] }));
      const { status, body } = await surfaces.send("DELETE /api/cart/alice/items/NOPE");
      expect([status, body.reason]).toEqual([404, "PRODUCT_NOT_FOUND"]);
    });
  });

  test("an order that is not decided at the deadline is 504 with its id", async () => {
    standIn.answer("ListCarts", () => ({ carts: [cart] }));
    standIn.answer("Checkout", () => ({ order: { id: "o", state: Order_State.PAID } }));
    expect(await checkOut()).toMatchObject({
      status: 504,
      body: { reason: "CHECKOUT_UNDER_WAY", metadata: { order_id: "o" } },
    });
  });
});
