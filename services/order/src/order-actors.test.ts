import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { accessRule } from "@sagacart/chassis/auth/access";
import type { RoleName } from "@sagacart/chassis/auth/principal";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { OrderService, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { type Actor, Actor_KindSchema } from "@sagacart/proto/type/v1/actor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { guestCustomerIdOf } from "./carts/guest-token.ts";
import { startOrderService, type TestOrderService } from "./testing/order.ts";
import { testOrders } from "./testing/test-orders.ts";

// testActors() covers what the shop's people do to any customer's order. This table adds customers, guests and programs.
let service: TestOrderService;
let issuer: TestIssuer;
let orders: Client<typeof OrderService>;
let guests: Client<typeof GuestOrderService>;
let saga: Client<typeof SagaService>;
const cleanup = new AsyncDisposableStack();
beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  service = cleanup.use(await startOrderService());
  const transport = inMemory(service.routes, "order.sagacart", issuer.verifier());
  orders = createClient(OrderService, transport);
  guests = createClient(GuestOrderService, transport);
  saga = createClient(SagaService, transport);
});
afterAll(() => cleanup.disposeAsync());

const { newOrder, bring } = testOrders(() => service);
const now = { waitAtMost: { seconds: 0n } };
const lines = [{ productId: "mug", quantity: 1 }];
const accepted = { waitFor: WaitFor.ACCEPTED };

type As = { headers?: { authorization: string } };

async function as(subject: string, role?: RoleName): Promise<As> {
  return role === undefined ? {} : { headers: { authorization: await issuer.bearer(subject, [role]) } };
}

/** The request of a new guest who checks out. */
async function newGuest() {
  const { cart, guestToken } = await service.guests.createGuestCart({ lines });
  return { cartId: cart?.id ?? "", guestToken, contactEmail: "guest@shop.test", paymentMethod: "pm_ok", ...accepted };
}

/** Describes an actor in the words of the table: the guest's id is another each time. */
function read(actor: Actor | undefined, guestToken = ""): string {
  if (actor === undefined) {
    return "nobody";
  }
  const isGuest = guestToken !== "" && actor.id === guestCustomerIdOf(guestToken);
  return `${Actor_KindSchema.value[actor.kind]?.localName} ${isGuest ? "the guest" : actor.id}`;
}

async function shown(id: string | undefined) {
  const { order } = await service.orders.getOrder({ id: id ?? "" });
  return order;
}

async function awaiting(customerId = "ann"): Promise<string> {
  const id = await newOrder({ customerId, payLater: true });
  await bring(id, "AWAITING_PAYMENT");
  return id;
}

/** Each method with which somebody acts on an order: does it for ann or for a guest, and reads who did it. */
const acts: Record<string, (as: As) => Promise<string>> = {
  async Checkout(as) {
    const { order } = await orders.checkout({ customerId: "ann", lines, ...accepted }, as);
    const stored = await shown(order?.id);
    expect(read(stored?.payment?.requestedBy), "an immediate payment is requested by who checks out").toBe(
      read(stored?.placedBy),
    );
    return read(stored?.placedBy);
  },
  async PayOrder(as) {
    const id = await awaiting();
    await orders.payOrder({ id, customerId: "ann", ...now }, as);
    return read((await shown(id))?.payment?.requestedBy);
  },
  async CancelOrder(as) {
    const id = await newOrder();
    await orders.cancelOrder({ id, customerId: "ann", ...now }, as);
    return read((await shown(id))?.cancelledBy);
  },
  async RefundOrder(as) {
    const orderId = await newOrder();
    await bring(orderId, "COMPLETED");
    return read((await orders.refundOrder({ orderId, ...now }, as)).refund?.requestedBy);
  },
  async PlaceOrder(as) {
    const checkout = { customerId: "ann", lines };
    const { order } = await saga.placeOrder({ workflowId: `w-${crypto.randomUUID()}`, checkout }, as);
    return read((await shown(order?.id))?.placedBy);
  },
  async CheckoutGuestCart(as) {
    const guest = await newGuest();
    const { order } = await guests.checkoutGuestCart(guest, as);
    return read((await shown(order?.id))?.placedBy, guest.guestToken);
  },
  async PayGuestOrder(as) {
    const { guestToken } = await newGuest();
    const id = await awaiting(guestCustomerIdOf(guestToken));
    await guests.payGuestOrder({ id, guestToken, paymentMethod: "pm_ok", ...now }, as);
    return read((await shown(id))?.payment?.requestedBy, guestToken);
  },
  async CancelGuestOrder(as) {
    const guest = await newGuest();
    const { order } = await guests.checkoutGuestCart(guest);
    await guests.cancelGuestOrder({ id: order?.id ?? "", guestToken: guest.guestToken, ...now }, as);
    return read((await shown(order?.id))?.cancelledBy, guest.guestToken);
  },
};

/** The other methods that change orders, with the reason why they record no actor. */
const others: Record<string, string> = {
  ClaimGuestOrder: "a customer's own, and the event says by which proof",
  BatchBegin: "the workflow is recorded as the order's owner",
  BatchMove: "the workflow that owns the order",
  BatchHandOver: "the workflow is recorded as the order's owner",
  RecordDecline: "the card provider declined",
  RecordRefund: "the result of a refund whose requester is recorded",
  RaiseIncident: "the workflow is recorded with the incident",
  ClearIncident: "the actor is recorded with the incident: see actors.test.ts",
};

const methods = [...OrderService.methods, ...GuestOrderService.methods, ...SagaService.methods].filter(
  ({ idempotency }) => idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
);

test("each method that changes an order is in a list here", () => {
  expect(methods.map(({ name }) => name).sort()).toEqual([...Object.keys(acts), ...Object.keys(others)].sort());
});

const customer = "CUSTOMER ann";
const guest = "CUSTOMER the guest";
const forAnn = { customer, operator: "OPERATOR grace", support: "OPERATOR tom", surfaces: customer };
// A customer who is signed in and has a guest's token acts in the own name.
const forGuest = { nobody: guest, customer, operator: "OPERATOR grace", support: "OPERATOR tom" };

/** The recorded actor by method and caller. Callers who may not call the method are left out. */
const expected: Record<string, Record<string, string>> = {
  Checkout: forAnn,
  PayOrder: forAnn,
  CancelOrder: forAnn,
  RefundOrder: forAnn,
  PlaceOrder: { worker: "SYSTEM service:worker" },
  CheckoutGuestCart: forGuest,
  PayGuestOrder: forGuest,
  CancelGuestOrder: forGuest,
};

const callers: Record<string, readonly [subject: string, role?: RoleName]> = {
  nobody: [""],
  customer: ["ann", "customer"],
  operator: ["grace", "operator"],
  support: ["tom", "support"],
  surfaces: ["service:surfaces", "service"],
  worker: ["service:worker", "service"],
};

function mayCall(name: string, caller: string): boolean {
  const rule = accessRule(methods.find((method) => method.name === name)!);
  const role = callers[caller]?.[1];
  if (rule.anyone || role === undefined) {
    return rule.anyone;
  }
  return role === "service" ? rule.services.has(caller) : rule.roles.includes(role);
}

test.each(
  Object.entries(expected).flatMap(([name, byCaller]) =>
    Object.entries(byCaller).flatMap(([caller, actor]) => (mayCall(name, caller) ? [{ name, caller, actor }] : [])),
  ),
)("$name by $caller records $actor", async ({ name, caller, actor }) => {
  expect(await acts[name]!(await as(...callers[caller]!))).toBe(actor);
});

test("where no tokens are checked, it is the customer", async () => {
  const id = await awaiting();
  await service.orders.payOrder({ id, ...now });
  const order = await shown(id);
  expect([read(order?.placedBy), read(order?.payment?.requestedBy)]).toEqual([customer, customer]);
});

test("orders that are recorded together keep their own actors, and so do attempts to pay one order", async () => {
  const asked = ["ann", "grace", "tom"].map(async (subject) => {
    const caller = await as(subject, subject === "ann" ? "customer" : "operator");
    return read(
      (await shown((await orders.checkout({ customerId: "ann", lines, ...accepted }, caller)).order?.id))?.placedBy,
    );
  });
  expect(await Promise.all(asked)).toEqual([customer, "OPERATOR grace", "OPERATOR tom"]);

  const orderId = await awaiting();
  const requester = async () => read((await shown(orderId))?.payment?.requestedBy);
  expect(await requester()).toBe("nobody");
  await orders.payOrder({ id: orderId, requestId: "1", ...now }, await as("grace", "operator"));
  // Attaches to the attempt that is under way.
  await orders.payOrder({ id: orderId, customerId: "ann", requestId: "2", ...now }, await as("ann", "customer"));
  expect(await requester()).toBe("OPERATOR grace");
  await service.saga.recordDecline({ workflowId: `w-${orderId}`, orderId, attempt: 1, declineReason: "card_declined" });
  expect(await requester()).toBe("OPERATOR grace");
  await orders.payOrder({ id: orderId, customerId: "ann", requestId: "3", ...now }, await as("ann", "customer"));
  expect(await requester()).toBe(customer);
});
