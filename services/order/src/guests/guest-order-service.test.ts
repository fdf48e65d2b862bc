import { randomUUID } from "node:crypto";
import { Code, createClient } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { OrderService, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quote, startOrderService, type TestOrderService } from "../testing/order.ts";
import { failureOf, requireCart, violationsOf } from "../testing/test-carts.ts";
import { reasonOf, testOrders } from "../testing/test-orders.ts";

let service: TestOrderService;
let issuer: TestIssuer;
beforeAll(async () => {
  service = await startOrderService();
  issuer = await startIssuer();
});
afterAll(async () => {
  await issuer[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

const { bring, begin, move } = testOrders(() => service);
const contactEmail = "Guest@Shop.test";
const noWait = { seconds: 0n, nanos: 0 };

type Guest = { cartId: string; guestToken: string };

async function newGuest(): Promise<Guest> {
  const { cart, guestToken } = await service.guests.createGuestCart({ lines: [{ productId: "mug", quantity: 2 }] });
  return { cartId: requireCart(cart).id, guestToken };
}

function checkout(guest: Guest, request: object = {}) {
  return service.guestOrders.checkoutGuestCart({
    ...guest,
    contactEmail,
    paymentMethod: "pm_ok",
    waitFor: WaitFor.ACCEPTED,
    ...request,
  });
}

/** A guest's order, and the guest token that opens it. */
async function newOrder(request: object = {}): Promise<{ id: string; guestToken: string; cartId: string }> {
  const guest = await newGuest();
  const { order } = await checkout(guest, request);
  return { ...guest, id: order!.id };
}

describe("checkout", () => {
  test("a guest buys with a cart, a contact address and a card, without registering", async () => {
    const guest = await newGuest();
    const shippingAddress = {
      recipient: "Ada",
      line1: "12 St James's Square",
      city: "London",
      postalCode: "SW1Y 4JH",
      countryCode: "GB",
    };
    const { order, attached } = await checkout(guest, { shippingAddress });
    const id = order!.id;

    expect(attached).toBe(false);
    expect(order).toMatchObject({ state: Order_State.PENDING, contactEmail, cartId: guest.cartId, shippingAddress });
    expect(order?.customerId).toMatch(/^guest-[A-Za-z0-9_-]{32}$/);
    expect(order?.total).toMatchObject({ currencyCode: "USD", minorUnits: 200n });
    const { cart } = await service.guests.getGuestCart({ id: guest.cartId, guestToken: guest.guestToken });
    expect(cart).toMatchObject({ state: Cart_State.CHECKING_OUT, orderId: id });

    await bring(id, "COMPLETED");
    const { cart: bought } = await service.guests.getGuestCart({ id: guest.cartId, guestToken: guest.guestToken });
    expect(bought?.state).toBe(Cart_State.PURCHASED);
    const { order: got, changes } = await service.guestOrders.getGuestOrder({ id, guestToken: guest.guestToken });
    expect(got?.state).toBe(Order_State.COMPLETED);
    expect(changes).toHaveLength(5);
  });

  test("the events that customers are notified of name the contact address", async () => {
    const { id } = await newOrder();
    await bring(id, "COMPLETED");

    const { rows } = await service.pool.query(
      "select type, data->>'contactEmail' as contact from events where subject = $1 and data ? 'contactEmail'",
      [id],
    );
    expect(rows).toEqual([{ type: "sagacart.order.completed.v1", contact: contactEmail }]);
  });

  test("a repeat attaches to the order, with the request id or without it, and needs the token", async () => {
    const guest = await newGuest();
    const request = { requestId: "r-1" };
    const { order } = await checkout(guest, request);

    expect(await checkout(guest, request)).toMatchObject({ attached: true, order: { id: order!.id } });
    expect(await checkout(guest)).toMatchObject({ attached: true, order: { id: order!.id } });
    for (const guestToken of ["", `${guest.guestToken}A`, (await newGuest()).guestToken]) {
      expect(await reasonOf(checkout({ ...guest, guestToken }, request))).toBe("CART_NOT_FOUND");
    }
    expect(await reasonOf(checkout(guest, { ...request, contactEmail: "other@shop.test" }))).toBe("REQUEST_ID_REUSED");
  });

  test("two guests may use one request id", async () => {
    const [one, other] = [await newOrder({ requestId: "same" }), await newOrder({ requestId: "same" })];
    expect(one.id).not.toBe(other.id);
  });

  test("concurrent checkouts of a cart make one order", async () => {
    const guest = await newGuest();
    const answers = await Promise.all(Array.from({ length: 8 }, () => checkout(guest)));
    expect(new Set(answers.map(({ order }) => order?.id)).size).toBe(1);
    expect(answers.filter(({ attached }) => !attached)).toHaveLength(1);
  });

  test("an order that fails opens the cart again, and the guest buys it with another card", async () => {
    const guest = await newGuest();
    const { order } = await checkout(guest, { paymentMethod: "pm_declined" });
    const id = order!.id;
    await bring(id, "RESERVED");
    await move(`w-${id}`, id, [Order_State.CANCELLING], {
      endsAs: Order_State.REJECTED,
      outcomeReason: "PAYMENT_DECLINED",
    });
    await move(`w-${id}`, id, [Order_State.REJECTED]);

    const { cart } = await service.guests.getGuestCart({ id: guest.cartId, guestToken: guest.guestToken });
    expect(cart).toMatchObject({ state: Cart_State.OPEN, lastFailureReason: "PAYMENT_DECLINED", isDefault: false });
    const { order: second } = await checkout(guest);
    expect(second).toMatchObject({ state: Order_State.PENDING, customerId: order?.customerId });
    for (const orderId of [id, second!.id]) {
      await service.guestOrders.getGuestOrder({ id: orderId, guestToken: guest.guestToken });
    }
  });

  test.each([
    ["without a card", { paymentMethod: "" }, [""]],
    ["without a contact address", { contactEmail: "" }, ["contact_email"]],
    ["with something else than an address", { contactEmail: "not an address" }, ["contact_email"]],
  ])("%s is refused by field", async (_what, request, fields) => {
    expect(await violationsOf(checkout(await newGuest(), request))).toEqual(fields);
  });

  test.each([
    ["another total", { expectedTotal: { currencyCode: "USD", minorUnits: 1n } }, "PRICE_CHANGED"],
    ["an old etag", { cartEtag: "0" }, "ETAG_MISMATCH"],
  ])("%s is refused as for customers", async (_what, request, reason) => {
    expect(await reasonOf(checkout(await newGuest(), request))).toBe(reason);
  });

  test("a customer's cart is not found, and neither is a guest's cart by a customer's checkout", async () => {
    const guest = await newGuest();
    const { cart } = await service.carts.createCart({ customerId: "ann", lines: [{ productId: "mug", quantity: 1 }] });
    expect(await reasonOf(checkout({ ...guest, cartId: requireCart(cart).id }))).toBe("CART_NOT_FOUND");
    const asCustomer = service.orders.checkout({ customerId: "ann", cartId: guest.cartId });
    expect(await reasonOf(asCustomer)).toBe("CART_NOT_FOUND");
  });
});

describe("the guest token", () => {
  type Opened = { id: string; guestToken: string };
  /** All calls for a guest's order. */
  const uses: [string, (order: Opened) => Promise<unknown>][] = [
    ["GetGuestOrder", (order) => service.guestOrders.getGuestOrder(order)],
    ["WatchGuestOrder", async (order) => await first(service.guestOrders.watchGuestOrder(order))],
    ["PayGuestOrder", (order) => service.guestOrders.payGuestOrder({ ...order, waitAtMost: noWait })],
    [
      "PayGuestOrder with a card and a request id",
      (order) =>
        service.guestOrders.payGuestOrder({
          ...order,
          paymentMethod: "pm_ok",
          requestId: randomUUID(),
          waitAtMost: noWait,
        }),
    ],
    ["CancelGuestOrder", (order) => service.guestOrders.cancelGuestOrder({ ...order, waitAtMost: noWait })],
  ];

  test.each(uses)("%s does not find a guest's order without its token", async (_name, use) => {
    const order = await newOrder({ payLater: true });
    await bring(order.id, "AWAITING_PAYMENT");
    const other = await newOrder();
    for (const guestToken of ["", other.guestToken, `${order.guestToken}A`, "short"]) {
      expect(await failureOf(use({ id: order.id, guestToken }))).toEqual({
        code: Code.NotFound,
        reason: "ORDER_NOT_FOUND",
        metadata: { order_id: order.id },
      });
    }
    await use({ id: order.id, guestToken: order.guestToken });
  });

  test.each(uses)("%s does not find a customer's order, with any token", async (_name, use) => {
    const { guestToken } = await newGuest();
    const { order } = await service.orders.checkout({
      customerId: "ann",
      lines: [{ productId: "mug", quantity: 1 }],
      waitFor: WaitFor.ACCEPTED,
    });
    for (const token of ["", guestToken]) {
      expect(await reasonOf(use({ id: order!.id, guestToken: token }))).toBe("ORDER_NOT_FOUND");
    }
  });

  test("customers do not find a guest's order", async () => {
    const { id } = await newOrder();
    expect(await reasonOf(service.orders.getOrder({ id, customerId: "ann" }))).toBe("ORDER_NOT_FOUND");
    expect(await reasonOf(service.orders.cancelOrder({ id, customerId: "ann" }))).toBe("ORDER_NOT_FOUND");
  });

  test("a guest pays later by card, and never from a balance", async () => {
    const order = await newOrder({ payLater: true, paymentMethod: "" });
    const { id, guestToken } = order;
    await bring(id, "AWAITING_PAYMENT");
    const pay = (paymentMethod: string) =>
      service.guestOrders.payGuestOrder({ id, guestToken, paymentMethod, waitAtMost: noWait });

    expect(await reasonOf(pay(""))).toBe("PAYMENT_METHOD_REQUIRED");
    expect((await pay("pm_ok")).order?.payment).toMatchObject({ method: "pm_ok", attempt: 1 });
    expect((await pay("")).order?.payment).toMatchObject({ method: "pm_ok", attempt: 1 });
  });

  test("a guest cancels until the order is being shipped", async () => {
    const early = await newOrder();
    const { order } = await service.guestOrders.cancelGuestOrder({
      id: early.id,
      guestToken: early.guestToken,
      waitAtMost: noWait,
    });
    expect(order?.cancelRequestTime).toBeDefined();
    const late = await newOrder();
    await bring(late.id, "SHIPPING");
    const refused = service.guestOrders.cancelGuestOrder({ id: late.id, guestToken: late.guestToken });
    expect(await reasonOf(refused)).toBe("NOT_CANCELLABLE");
  });

  test("a guest watches an order to its end", async () => {
    const { id, guestToken } = await newOrder();
    const states: Order_State[] = [];
    for await (const { order } of service.guestOrders.watchGuestOrder({ id, guestToken })) {
      if (states.push(order?.state ?? 0) === 1) {
        await bring(id, "COMPLETED");
      }
    }
    expect([states[0], states.at(-1)]).toEqual([Order_State.PENDING, Order_State.COMPLETED]);
  });
});

describe("claim", () => {
  type Caller = { sub?: string; email?: string; email_verified?: unknown };

  /** The services as they answer a customer with these claims in the token. */
  async function as({ sub = randomUUID(), ...claims }: Caller) {
    const token = await issuer.sign({ sub, roles: ["customer"], ...claims });
    const transport = inMemory(service.routes, "order.sagacart", issuer.verifier());
    const headers = { headers: { authorization: `Bearer ${token}` } };
    const [guestOrders, orders] = [createClient(GuestOrderService, transport), createClient(OrderService, transport)];
    return {
      sub,
      claim: (request: object) => guestOrders.claimGuestOrder(request, headers),
      get: (id: string) => orders.getOrder({ id }, headers),
      list: () => orders.listOrders({}, headers),
    };
  }

  async function completed(request: object = {}) {
    const order = await newOrder(request);
    await bring(order.id, "COMPLETED");
    return order;
  }

  async function claimEvents(orderId: string) {
    const { rows } = await service.pool.query(
      "select sequence, data from events where subject = $1 and type = 'sagacart.order.claimed.v1'",
      [orderId],
    );
    return rows;
  }

  const verified = { email: "guest@shop.TEST", email_verified: true };
  const unverified = { email: "guest@shop.test", email_verified: false };

  /** The claims in the caller's token, the guest token that is sent, and the outcome. */
  const cases: [string, Caller, "none" | "right" | "wrong", string][] = [
    ["the verified address", verified, "none", ""],
    ["the verified address and the token", verified, "right", ""],
    ["the verified address and another token", verified, "wrong", ""],
    ["the address, not verified, and the token", unverified, "right", ""],
    ["the address, of which nothing is said, and the token", { email: "guest@shop.test" }, "right", ""],
    ["the address, not verified", unverified, "none", "ADDRESS_NOT_VERIFIED"],
    ["the address, verified as a text", { ...unverified, email_verified: "true" }, "none", "ADDRESS_NOT_VERIFIED"],
    ["the address, not verified, and another token", unverified, "wrong", "ORDER_NOT_FOUND"],
    ["another verified address", { email: "eve@shop.test", email_verified: true }, "none", "ORDER_NOT_FOUND"],
    ["another verified address and another token", { ...verified, email: "eve@shop.test" }, "wrong", "ORDER_NOT_FOUND"],
    ["another verified address and the token", { ...verified, email: "eve@shop.test" }, "right", "CONTACT_DIFFERS"],
    ["another address and the token", { email: "eve@shop.test" }, "right", "CONTACT_DIFFERS"],
    ["an address that begins alike", { ...verified, email: "guest@shop.test.eve" }, "none", "ORDER_NOT_FOUND"],
    ["the token alone", {}, "right", "CONTACT_DIFFERS"],
    ["no address, said to be verified", { email: "", email_verified: true }, "none", "ADDRESS_NOT_VERIFIED"],
    ["nothing", {}, "none", "ADDRESS_NOT_VERIFIED"],
  ];

  test.each(cases)("with %s", async (_what, caller, token, expected) => {
    const { id, guestToken } = await completed();
    const user = await as(caller);
    const tokens = { none: "", right: guestToken, wrong: (await newGuest()).guestToken };
    const claim = () => user.claim({ id, guestToken: tokens[token] });

    expect(await reasonOf(claim())).toBe(expected);

    const isClaimed = expected === "";
    expect(await reasonOf(user.get(id))).toBe(isClaimed ? "" : "ORDER_NOT_FOUND");
    expect(await reasonOf(service.guestOrders.getGuestOrder({ id, guestToken }))).toBe(
      isClaimed ? "ORDER_NOT_FOUND" : "",
    );
    expect(await claimEvents(id)).toHaveLength(isClaimed ? 1 : 0);
  });

  test("the order moves with its history, and the event proves how", async () => {
    const { id } = await completed();
    const before = (await service.orders.getOrder({ id })).order;
    const user = await as(verified);

    const { order } = await user.claim({ id });

    expect(order).toMatchObject({ customerId: user.sub, guestCustomerId: before?.customerId });
    expect(order?.sequence).toBe((before?.sequence ?? 0n) + 1n);
    expect((await user.list()).orders.map((listed) => listed.id)).toEqual([id]);
    expect(await claimEvents(id)).toEqual([
      {
        sequence: order?.sequence,
        data: {
          orderId: id,
          customerId: user.sub,
          guestCustomerId: before?.customerId,
          state: "COMPLETED",
          proof: "VERIFIED_ADDRESS",
          total: { currencyCode: "USD", minorUnits: "200" },
        },
      },
    ]);
  });

  test("a repeat gets the order again, without any proof, and is one event", async () => {
    const { id, guestToken } = await completed();
    const user = await as(unverified);
    await user.claim({ id, guestToken });

    expect((await user.claim({ id })).order).toMatchObject({ id, customerId: user.sub });
    expect(await claimEvents(id)).toHaveLength(1);
  });

  test("of many customers with the address and the token, one gets the order, and it stays theirs", async () => {
    const { id, guestToken } = await completed();
    const users = await Promise.all(Array.from({ length: 6 }, () => as(verified)));

    const reasons = await Promise.all(users.map((user) => reasonOf(user.claim({ id, guestToken }))));

    expect(reasons.filter((reason) => reason === "")).toHaveLength(1);
    expect(reasons.filter((reason) => reason === "ORDER_NOT_FOUND")).toHaveLength(5);
    expect(await claimEvents(id)).toHaveLength(1);
  });

  test("a repeat of the guest's checkout does not open a claimed order", async () => {
    const { id, ...guest } = await completed({ requestId: "before-the-claim" });
    await (await as(verified)).claim({ id });

    expect(await reasonOf(checkout(guest, { requestId: "before-the-claim" }))).toBe("ORDER_NOT_FOUND");
  });

  test.each([
    ["PENDING", async () => {}],
    ["RESERVED", (id: string) => bring(id, "RESERVED")],
    ["AWAITING_PAYMENT", (id: string) => bring(id, "AWAITING_PAYMENT")],
    ["SHIPPING", (id: string) => bring(id, "SHIPPING")],
  ] as const)("an order that is %s is claimed later", async (state, prepare) => {
    const { id } = await newOrder({ payLater: state === "AWAITING_PAYMENT" });
    await prepare(id);
    const user = await as(verified);

    expect(await failureOf(user.claim({ id }))).toEqual({
      code: Code.FailedPrecondition,
      reason: "NOT_CLAIMABLE",
      metadata: { order_id: id, state },
    });
  });

  test("an order that was rejected can be claimed", async () => {
    const { id } = await newOrder();
    await begin(`w-${id}`, [id]);
    await move(`w-${id}`, id, [Order_State.REJECTED], { outcomeReason: "OUT_OF_STOCK" });

    expect((await (await as(verified)).claim({ id })).order?.state).toBe(Order_State.REJECTED);
  });

  test("a customer's order with the same contact address cannot be claimed", async () => {
    const { order } = await service.orders.checkout({
      customerId: "ann",
      lines: [{ productId: "mug", quantity: 1 }],
      contactEmail,
      waitFor: WaitFor.ACCEPTED,
    });
    await bring(order!.id, "COMPLETED");
    const { guestToken } = await newGuest();

    expect(await reasonOf((await as(verified)).claim({ id: order!.id, guestToken }))).toBe("ORDER_NOT_FOUND");
  });

  test("without proof, the error does not tell whether the order exists", async () => {
    const { id } = await completed();
    const user = await as(unverified);
    const failures = await Promise.all(
      [id, "there-is-none"].map(async (named) => {
        const { code, message, metadata } = errorInfo(await user.claim({ id: named }).catch((error: unknown) => error));
        return { code, message, metadata };
      }),
    );
    expect(failures[0]).toEqual(failures[1]);
  });

  test("an operator's role does not claim for others", async () => {
    const { id } = await completed();
    const token = await issuer.sign({ sub: "op", roles: ["operator"], ...verified });
    const transport = inMemory(service.routes, "order.sagacart", issuer.verifier());
    const call = createClient(GuestOrderService, transport).claimGuestOrder(
      { id, customerId: "op" },
      { headers: { authorization: `Bearer ${token}` } },
    );
    expect(await reasonOf(call)).toBe("ROLE_REQUIRED");
  });
});

async function first<T>(stream: AsyncIterable<T>): Promise<T | undefined> {
  for await (const value of stream) {
    return value;
  }
  return undefined;
}

test("a price is quoted anew, as for customers", async () => {
  const guest = await newGuest();
  service.prices.set("mug", quote("mug", 175n));
  const { order } = await checkout(guest);
  service.prices.set("mug", quote("mug", 100n));
  expect(order?.total?.minorUnits).toBe(350n);
});
