import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { type Client, type ConnectRouter, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { staff_only } from "@sagacart/proto/auth/v1/access";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { type Order, OrderRefundSchema, OrderSchema } from "@sagacart/proto/order/v1/order";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { PostingSchema } from "@sagacart/proto/payment/v1/account";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentSchema, RefundSchema } from "@sagacart/proto/payment/v1/payment";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { Actor_Kind } from "@sagacart/proto/type/v1/actor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessRule } from "../../auth/access.ts";
import type { RoleName } from "../../auth/principal.ts";
import { startIssuer, type TestIssuer } from "../../testing/issuer.ts";
import { startEcho, type TestServer } from "../../testing/test-server.ts";

const secret = "suspected of fraud";
const actor = { kind: Actor_Kind.OPERATOR, id: secret };
/** One object for all callers, as a cache gives it. */
const order = create(OrderSchema, {
  ...{ id: "o", outcomeDetail: "told", internalReason: secret, cancelledBy: actor, placedBy: actor },
  payment: { requestedBy: actor },
});
const refund = create(OrderRefundSchema, { id: "r", publicReason: "told", reason: secret, requestedBy: actor });
const payment = create(PaymentSchema, { id: "p", createdBy: actor });
const paymentRefund = create(RefundSchema, { id: "r", reason: secret, requestedBy: actor });
const posting = create(PostingSchema, { entryId: "e", actor });

let issuer: TestIssuer;
let server: TestServer;
const cleanup = new AsyncDisposableStack();

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  const routes = (router: ConnectRouter) => {
    router.service(OrderService, {
      checkout: () => ({ order }),
      getOrder: () => ({ order }),
      listOrders: () => ({ orders: [order, order] }),
      payOrder: () => ({ order }),
      cancelOrder: () => ({ order }),
      getOrderRefund: () => ({ refund }),
      listOrderRefunds: () => ({ refunds: [refund] }),
      async *watchOrder() {
        yield { order };
        yield { order };
      },
    });
    router.service(GuestOrderService, {
      checkoutGuestCart: () => ({ order }),
      getGuestOrder: () => ({ order }),
      payGuestOrder: () => ({ order }),
      cancelGuestOrder: () => ({ order }),
      claimGuestOrder: () => ({ order }),
      async *watchGuestOrder() {
        yield { order };
      },
    });
    router.service(PaymentService, {
      getPayment: () => ({ payment }),
      listPayments: () => ({ payments: [payment] }),
      getRefund: () => ({ refund: paymentRefund }),
      listRefunds: () => ({ refunds: [paymentRefund] }),
    });
    router.service(AccountService, { listPostings: () => ({ postings: [posting] }) });
  };
  server = cleanup.use(await startEcho({}, { verifier: issuer.verifier(), routes }));
});
afterAll(() => cleanup.disposeAsync());

type Clients = {
  orders: Client<typeof OrderService>;
  guests: Client<typeof GuestOrderService>;
  payments: Client<typeof PaymentService>;
  accounts: Client<typeof AccountService>;
};
type Call = (clients: Clients, as: { headers: { authorization: string } }) => Promise<readonly Message[]>;

/** Every method that customers may call and whose answer has a field for the shop's people only. */
const calls: Record<string, Call> = {
  Checkout: async ({ orders }, as) => [
    await orders.checkout({ customerId: "ann", lines: [{ productId: "mug", quantity: 1 }] }, as),
  ],
  GetOrder: async ({ orders }, as) => [await orders.getOrder({ id: "o" }, as)],
  ListOrders: async ({ orders }, as) => [await orders.listOrders({}, as)],
  PayOrder: async ({ orders }, as) => [await orders.payOrder({ id: "o" }, as)],
  CancelOrder: async ({ orders }, as) => [await orders.cancelOrder({ id: "o" }, as)],
  WatchOrder: async ({ orders }, as) => await collect(orders.watchOrder({ id: "o" }, as)),
  CheckoutGuestCart: async ({ guests }, as) => [
    await guests.checkoutGuestCart({ cartId: "c", contactEmail: "ann@shop.test", paymentMethod: "pm_ok" }, as),
  ],
  GetGuestOrder: async ({ guests }, as) => [await guests.getGuestOrder({ id: "o" }, as)],
  PayGuestOrder: async ({ guests }, as) => [await guests.payGuestOrder({ id: "o", paymentMethod: "pm_ok" }, as)],
  CancelGuestOrder: async ({ guests }, as) => [await guests.cancelGuestOrder({ id: "o" }, as)],
  ClaimGuestOrder: async ({ guests }, as) => [await guests.claimGuestOrder({ id: "o" }, as)],
  WatchGuestOrder: async ({ guests }, as) => await collect(guests.watchGuestOrder({ id: "o" }, as)),
  GetOrderRefund: async ({ orders }, as) => [await orders.getOrderRefund({ orderId: "o", refundId: "r" }, as)],
  ListOrderRefunds: async ({ orders }, as) => [await orders.listOrderRefunds({ orderId: "o" }, as)],
  GetPayment: async ({ payments }, as) => [await payments.getPayment({ id: "p" }, as)],
  ListPayments: async ({ payments }, as) => [await payments.listPayments({}, as)],
  GetRefund: async ({ payments }, as) => [await payments.getRefund({ id: "r" }, as)],
  ListRefunds: async ({ payments }, as) => [await payments.listRefunds({}, as)],
  ListPostings: async ({ accounts }, as) => [await accounts.listPostings({ customerId: "ann" }, as)],
};

const methods = [OrderService, GuestOrderService, PaymentService, AccountService]
  .flatMap(({ methods }): DescMethod[] => methods)
  .filter((method) => accessRule(method).anyone || accessRule(method).roles.includes("customer"))
  .filter((method) => hasStaffOnly(method.output));

function hasStaffOnly(desc: DescMessage, seen = new Set<DescMessage>()): boolean {
  if (seen.has(desc)) {
    return false;
  }
  seen.add(desc);
  return desc.fields.some(
    (field: DescField) =>
      getOption(field, staff_only) || (field.message !== undefined && hasStaffOnly(field.message, seen)),
  );
}

test("each method that shows customers a message with such a field is called here", () => {
  expect(methods.map(({ name }) => name).sort()).toEqual(Object.keys(calls).sort());
});

const wires: [string, () => Transport][] = [
  ["gRPC", () => createGrpcTransport({ baseUrl: `http://${server.address}` })],
  ["gRPC-Web", () => createGrpcWebTransport({ baseUrl: `http://${server.address}`, httpVersion: "2" })],
  ["Connect", () => createConnectTransport({ baseUrl: `http://${server.address}`, httpVersion: "2" })],
];

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of stream) {
    all.push(message);
  }
  return all;
}

/** Calls a method with a role and returns its answers as JSON text. */
async function answers(name: string, transport: Transport, role: RoleName, subject = "ann"): Promise<string> {
  const clients: Clients = {
    orders: createClient(OrderService, transport),
    guests: createClient(GuestOrderService, transport),
    payments: createClient(PaymentService, transport),
    accounts: createClient(AccountService, transport),
  };
  const as = { headers: { authorization: await issuer.bearer(subject, [role]) } };
  const { output } = methods.find((method) => method.name === name)!;
  return JSON.stringify((await calls[name]!(clients, as)).map((message) => toJson(output, message)));
}

test.each(wires.flatMap(([wire, open]) => Object.keys(calls).map((name) => [wire, name, open] as const)))(
  "over %s, %s shows customers nothing that is for the shop's people",
  async (_wire, name, open) => {
    const shown = await answers(name, open(), "customer");
    expect(shown).not.toContain(secret);
    expect(shown).toMatch(/"(id|entryId)":"[orpe]"/);

    const rule = accessRule(methods.find((method) => method.name === name)!);
    for (const role of ["operator", "support"] as const) {
      if (rule.roles.includes(role)) {
        expect(await answers(name, open(), role), role).toContain(secret);
      }
    }
    for (const program of rule.services.keys()) {
      expect(await answers(name, open(), "service", `service:${program}`), program).toContain(secret);
    }
  },
);

test("what a handler gave is not changed, so that the next caller gets all of it", async () => {
  await answers("GetOrder", createGrpcTransport({ baseUrl: `http://${server.address}` }), "customer");

  expect<Partial<Order>>(order).toMatchObject({
    ...{ internalReason: secret, cancelledBy: actor, placedBy: actor },
    payment: { requestedBy: actor },
  });
});
