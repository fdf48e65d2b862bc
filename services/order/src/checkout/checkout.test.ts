import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { maxWaitMs } from "../orders/order-service.ts";
import { quote, startOrderService, type TestOrderService } from "../testing/order.ts";

let service: TestOrderService;
beforeAll(async () => {
  service = await startOrderService();
});
afterAll(() => service[Symbol.asyncDispose]());

let customers = 0;
const newCustomer = () => `customer-${++customers}`;
const accepted = { waitFor: WaitFor.ACCEPTED };
const address = { recipient: "Ada", line1: "1 Main Street", city: "Berlin", postalCode: "10115", countryCode: "DE" };

async function cartOf(customerId: string, lines = [{ productId: "mug", quantity: 2 }]) {
  const { cart } = await service.carts.createCart({ customerId, lines });
  return cart!;
}

async function failureOf(call: Promise<unknown>) {
  const { code, reason, metadata } = errorInfo(
    await call.then(
      () => undefined,
      (error) => error,
    ),
  );
  return { code, reason, metadata };
}

describe("a checkout", () => {
  test("records an immutable copy of the cart's lines at current prices, with its first event and command", async () => {
    const customerId = newCustomer();
    const cart = await cartOf(customerId);
    service.prices.set("mug", quote("mug", 150n));
    const { order, attached } = await service.orders.checkout({ customerId, cartId: cart.id, ...accepted });
    service.prices.set("mug", quote("mug", 100n));
    expect(attached).toBe(false);
    expect(order).toMatchObject({
      customerId,
      cartId: cart.id,
      state: Order_State.PENDING,
      total: { currencyCode: "USD", minorUnits: 300n },
      lines: [{ productId: "mug", sku: "MUG", title: "A mug", quantity: 2, unitPrice: { minorUnits: 150n } }],
      payment: { method: "", payLater: false, attempt: 1 },
      sequence: 1n,
    });
    const { rows } = await service.pool.query("select kind, state from commands where subject = $1", [order!.id]);
    expect(rows).toEqual([{ kind: "CHECKOUT", state: "OPEN" }]);
    const events = await service.pool.query("select type, sequence from events where subject = $1", [order!.id]);
    expect(events.rows).toEqual([{ type: "sagacart.order.created.v1", sequence: 1n }]);
  });

  test.each([
    [0n, false],
    [1n, true],
  ])("to pay later waits for money only if the total, here %d, is more than zero", async (price, payLater) => {
    const customerId = newCustomer();
    service.prices.set("gift", quote("gift", price));
    const lines = [{ productId: "gift", quantity: 3 }];
    const request = { customerId, lines, payLater: true, requestId: `gift-${price}`, ...accepted };
    const { order } = await service.orders.checkout(request);
    expect(order).toMatchObject({ total: { minorUnits: price * 3n }, payment: { payLater } });
    expect(order?.expireTime !== undefined).toBe(payLater);
    expect((await service.orders.checkout(request)).order?.id).toBe(order?.id);
  });

  test.each([
    ["HK", ""],
    ["AE", ""],
    ["QA", ""],
    ["GB", "SW1Y 4JH"],
    ["SG", "546080"],
  ])("ships to %s, with the postal code %j", async (countryCode, postalCode) => {
    const customerId = newCustomer();
    await cartOf(customerId);
    const shippingAddress = { ...address, countryCode, postalCode };
    const { order } = await service.orders.checkout({ customerId, shippingAddress, ...accepted });
    expect(order?.shippingAddress).toMatchObject(shippingAddress);
  });

  test.each([
    ["a withdrawn country", { countryCode: "FX" }, "shipping_address.country_code"],
    ["a reserved country code", { countryCode: "UK" }, "shipping_address.country_code"],
    ["an unknown country", { countryCode: "ZZ" }, "shipping_address.country_code"],
    ["no postal code where one is needed", { postalCode: "" }, "shipping_address.postal_code"],
    ["a dash for a postal code", { postalCode: "-" }, "shipping_address.postal_code"],
    ["a dash where there are no postal codes", { countryCode: "HK", postalCode: "-" }, "shipping_address.postal_code"],
    ["no town", { city: "" }, "shipping_address.city"],
    ["a line break in the recipient", { recipient: "Ada\nL" }, "shipping_address.recipient"],
    ["a zero-width space in the recipient", { recipient: "Ada\u200bL" }, "shipping_address.recipient"],
    ["a blank recipient", { recipient: "\u3000" }, "shipping_address.recipient"],
  ])("with %s is refused, naming the field", async (_, changes, field) => {
    const customerId = newCustomer();
    await cartOf(customerId);
    const call = service.orders.checkout({ customerId, shippingAddress: { ...address, ...changes }, ...accepted });
    expect(errorInfo(await call.catch((error: unknown) => error))).toMatchObject({
      code: Code.InvalidArgument,
      violations: [{ field }],
    });
  });

  test.each([
    `${"a".repeat(65)}@example.com`,
    "a..b@example.com",
    ".a@example.com",
    "a@b",
    "a@b..com",
    "a b@example.com",
  ])("with the contact address %s, which no mail can be sent to, is refused", async (contactEmail) => {
    const customerId = newCustomer();
    await cartOf(customerId);
    const call = service.orders.checkout({ customerId, contactEmail, ...accepted });
    expect(errorInfo(await call.catch((error: unknown) => error))).toMatchObject({
      code: Code.InvalidArgument,
      violations: [{ field: "contact_email" }],
    });
  });

  test("uses the customer's default cart if none is named", async () => {
    const customerId = newCustomer();
    const cart = await cartOf(customerId);
    const { order } = await service.orders.checkout({ customerId, ...accepted });
    expect(order?.cartId).toBe(cart.id);
  });

  test("of a cart that is being checked out attaches to its order, even if both come at once", async () => {
    const customerId = newCustomer();
    const cart = await cartOf(customerId);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => service.orders.checkout({ customerId, cartId: cart.id, ...accepted })),
    );
    expect(new Set(answers.map(({ order }) => order?.id)).size).toBe(1);
    expect(answers.filter(({ attached }) => !attached)).toHaveLength(1);
    const later = await service.orders.checkout({ customerId, cartId: cart.id, ...accepted });
    expect([later.order?.id, later.attached]).toEqual([answers[0]?.order?.id, true]);
  });

  test("locks the cart against changes while it is under way", async () => {
    const customerId = newCustomer();
    const cart = await cartOf(customerId);
    await service.orders.checkout({ customerId, cartId: cart.id, ...accepted });
    expect(await failureOf(service.carts.addCartItem({ id: cart.id, productId: "pen" }))).toMatchObject({
      code: Code.Aborted,
      reason: "CART_CHECKING_OUT",
    });
  });

  test("never loses a change of the cart: the change is in the order, or is refused", async () => {
    const customerId = newCustomer();
    for (let round = 0; round < 10; round++) {
      const cart = await cartOf(customerId);
      const [added, checkedOut] = await Promise.allSettled([
        service.carts.addCartItem({ id: cart.id, productId: "pen" }),
        service.orders.checkout({ customerId, cartId: cart.id, ...accepted }),
      ]);
      expect(checkedOut.status).toBe("fulfilled");
      const lines = checkedOut.status === "fulfilled" ? (checkedOut.value.order?.lines ?? []) : [];
      expect(lines.some(({ productId }) => productId === "pen")).toBe(added.status === "fulfilled");
    }
  });

  test("repeated 50 times in parallel with one request id makes one order", async () => {
    const customerId = newCustomer();
    const request = { customerId, lines: [{ productId: "mug", quantity: 1 }], requestId: "once", ...accepted };
    const answers = await Promise.all(Array.from({ length: 50 }, () => service.orders.checkout(request)));
    expect(new Set(answers.map(({ order }) => order?.id)).size).toBe(1);
    expect(answers.filter(({ attached }) => !attached)).toHaveLength(1);
  });

  test("may wait for another state when it is repeated", async () => {
    const customerId = newCustomer();
    const request = { customerId, lines: [{ productId: "mug", quantity: 1 }], requestId: "patient" };
    const first = await service.orders.checkout({ ...request, ...accepted });
    const second = await service.orders.checkout({ ...request, waitFor: WaitFor.PAID, waitAtMost: { seconds: 0n } });
    expect([second.order?.id, second.attached]).toEqual([first.order?.id, true]);
  });

  test("by two customers with the same request id makes two orders", async () => {
    const ask = () =>
      service.orders.checkout({
        customerId: newCustomer(),
        lines: [{ productId: "mug", quantity: 1 }],
        requestId: "shared",
        ...accepted,
      });
    const [a, b] = await Promise.all([ask(), ask()]);
    expect(a?.order?.id).not.toBe(b?.order?.id);
  });

  test("remembers a refusal, although the cart is no longer empty", async () => {
    const customerId = newCustomer();
    const cart = await cartOf(customerId, []);
    const request = { customerId, cartId: cart.id, requestId: "empty", ...accepted };
    expect((await failureOf(service.orders.checkout(request))).reason).toBe("CART_EMPTY");
    await service.carts.addCartItem({ id: cart.id, productId: "mug" });
    expect((await failureOf(service.orders.checkout(request))).reason).toBe("CART_EMPTY");
    const { order } = await service.orders.checkout({ ...request, requestId: "filled" });
    expect(order?.lines).toHaveLength(1);
  });

  test("repeated with the same order id attaches, and is refused with other content", async () => {
    const customerId = newCustomer();
    const request = {
      orderId: `mine-${customerId}`,
      customerId,
      lines: [{ productId: "mug", quantity: 1 }],
      ...accepted,
    };
    const answers = await Promise.all(Array.from({ length: 10 }, () => service.orders.checkout(request)));
    expect(answers.filter(({ attached }) => !attached)).toHaveLength(1);
    const other = { ...request, lines: [{ productId: "mug", quantity: 2 }] };
    expect(await failureOf(service.orders.checkout(other))).toMatchObject({
      code: Code.AlreadyExists,
      reason: "ORDER_EXISTS",
    });
  });

  const waitAtMost = durationFromMs(400);

  test("answers with the order as it is at the end of the time to wait", async () => {
    const customerId = newCustomer();
    const { order } = await service.orders.checkout({
      customerId,
      lines: [{ productId: "mug", quantity: 1 }],
      waitFor: WaitFor.COMPLETED,
      waitAtMost,
    });
    expect(order?.state).toBe(Order_State.PENDING);
  });

  test("waits for half a minute, for what the caller asks for, or until just before its deadline", () => {
    expect(maxWaitMs(undefined, { timeoutMs: () => undefined })).toBe(30_000);
    expect(maxWaitMs(waitAtMost, { timeoutMs: () => undefined })).toBe(400);
    expect(maxWaitMs(waitAtMost, { timeoutMs: () => 60_000 })).toBe(400);
    expect(maxWaitMs(undefined, { timeoutMs: () => 600 })).toBe(400);
  });
});

describe("a checkout is refused", () => {
  const one = [{ productId: "mug", quantity: 1 }];

  test.each([
    ["an unknown cart", { cartId: "nowhere" }, Code.NotFound, "CART_NOT_FOUND"],
    ["no cart at all", {}, Code.FailedPrecondition, "CART_EMPTY"],
    ["an unknown product", { lines: [{ productId: "yacht", quantity: 1 }] }, Code.NotFound, "PRODUCT_NOT_FOUND"],
    [
      "another price than expected",
      { lines: one, expectedTotal: { currencyCode: "USD", minorUnits: 99n } },
      Code.FailedPrecondition,
      "PRICE_CHANGED",
    ],
    [
      "another currency than expected",
      { lines: one, expectedTotal: { currencyCode: "EUR", minorUnits: 100n } },
      Code.FailedPrecondition,
      "CURRENCY_MISMATCH",
    ],
    ["a cart and lines", { cartId: "some", lines: one }, Code.InvalidArgument, "INVALID_ARGUMENT"],
    ["a quantity below one", { lines: [{ productId: "mug", quantity: 0 }] }, Code.InvalidArgument, "INVALID_ARGUMENT"],
    ["a product named twice", { lines: [...one, ...one] }, Code.InvalidArgument, "INVALID_ARGUMENT"],
    ["an invalid order id", { orderId: "..", lines: one }, Code.InvalidArgument, "INVALID_ARGUMENT"],
  ])("for %s", async (_, request, code, reason) => {
    const failure = await failureOf(service.orders.checkout({ customerId: newCustomer(), ...request, ...accepted }));
    expect([failure.code, failure.reason]).toEqual([code, reason]);
  });

  test("for two currencies, and for a total above the limit", async () => {
    service.prices.set("sou", quote("sou", 5n, "EUR"));
    service.prices.set("palace", quote("palace", 10n ** 14n));
    const buy = (lines: { productId: string; quantity: number }[]) =>
      failureOf(service.orders.checkout({ customerId: newCustomer(), lines, ...accepted }));
    expect((await buy([...one, { productId: "sou", quantity: 1 }])).reason).toBe("CURRENCY_MISMATCH");
    expect((await buy([{ productId: "palace", quantity: 11 }])).reason).toBe("ORDER_TOO_HIGH");
  });

  test("for another customer's cart, as if it did not exist", async () => {
    const cart = await cartOf(newCustomer());
    const failure = await failureOf(service.orders.checkout({ customerId: "thief", cartId: cart.id, ...accepted }));
    expect([failure.code, failure.reason]).toEqual([Code.NotFound, "CART_NOT_FOUND"]);
  });

  test("for a cart that has changed since it was read, and for a deleted one", async () => {
    const customerId = newCustomer();
    const cart = await cartOf(customerId);
    await service.carts.addCartItem({ id: cart.id, productId: "pen" });
    const stale = { customerId, cartId: cart.id, cartEtag: cart.etag, ...accepted };
    expect((await failureOf(service.orders.checkout(stale))).reason).toBe("ETAG_MISMATCH");
    await service.carts.deleteCart({ id: cart.id });
    const gone = { customerId, cartId: cart.id, ...accepted };
    expect((await failureOf(service.orders.checkout(gone))).reason).toBe("CART_CLOSED");
  });

  test("for a request id that was used for something else", async () => {
    const customerId = newCustomer();
    await service.orders.checkout({ customerId, lines: one, requestId: "used", ...accepted });
    const other = { customerId, lines: [{ productId: "pen", quantity: 1 }], requestId: "used", ...accepted };
    expect((await failureOf(service.orders.checkout(other))).reason).toBe("REQUEST_ID_REUSED");
  });

  test("for a changed price, with the difference", async () => {
    const request = { lines: one, expectedTotal: { currencyCode: "USD", minorUnits: 90n } };
    const { metadata } = await failureOf(
      service.orders.checkout({ customerId: newCustomer(), ...request, ...accepted }),
    );
    expect(metadata).toEqual({
      currency_code: "USD",
      expected_minor: "90",
      total_minor: "100",
      difference_minor: "10",
    });
  });
});
