import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { OrderRefund_State, type OrderRefundSchema } from "@sagacart/proto/order/v1/order";
import { Payment_State, type PaymentSchema, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { expect, test } from "vitest";
import { type Fakes, fakeContext, fakeSaga, refusal, rpcsIn } from "../testing/fake-services.ts";
import { refund } from "./refund.ts";

const amount = { currencyCode: "EUR", minorUnits: 300n };
const pending = { state: OrderRefund_State.PENDING, amount, paymentRefundId: "pr", reason: "broken" };
const payments = [
  { id: "declined", state: Payment_State.DECLINED },
  { id: "captured", state: Payment_State.CAPTURED },
];

/** Fake services with this refund, these payments of its order, and this answer of the payment service. */
function contextOf(
  refundPayment: NonNullable<Fakes["payment"]>["refundPayment"],
  {
    asked = pending,
    paid = payments,
  }: {
    asked?: MessageInitShape<typeof OrderRefundSchema> | undefined;
    paid?: MessageInitShape<typeof PaymentSchema>[];
  } = {},
) {
  return fakeContext({
    orders: { getOrderRefund: () => ({ refund: asked }) },
    saga: fakeSaga([]),
    payment: { listPayments: () => ({ payments: paid }), ...(refundPayment === undefined ? {} : { refundPayment }) },
  });
}

const input = { orderId: "o", refundId: "r" };

test("the captured payment is refunded, and the outcome recorded with the order", async () => {
  const { services, calls } = contextOf(() => ({ refund: { state: Refund_State.SUCCEEDED } }));
  expect(await refund(services, input)).toBe("settled");
  expect(calls).toEqual([
    ["orders.getOrderRefund", { orderId: "o", refundId: "r" }],
    ["payment.listPayments", { orderId: "o", pageSize: 20 }],
    [
      "payment.refundPayment",
      {
        paymentId: "captured",
        refundId: "pr",
        reason: "broken",
        amount: { currencyCode: "EUR", minorUnits: "300" },
      },
    ],
    ["saga.recordRefund", { orderId: "o", refundId: "r", state: "STATE_SUCCEEDED" }],
  ]);
});

test("of all that is left, what the payment service paid back is recorded, although the order knew of more", async () => {
  const less = { currencyCode: "EUR", minorUnits: 120n };
  const { services, calls } = contextOf(() => ({ refund: { state: Refund_State.SUCCEEDED, amount: less } }), {
    asked: { ...pending, atMost: true },
  });
  expect(await refund(services, input)).toBe("settled");
  expect(calls.slice(-2)).toEqual([
    [
      "payment.refundPayment",
      {
        ...{ paymentId: "captured", refundId: "pr", reason: "broken", atMost: true },
        amount: { currencyCode: "EUR", minorUnits: "300" },
      },
    ],
    ["saga.recordRefund", { ...input, state: "STATE_SUCCEEDED", amount: { currencyCode: "EUR", minorUnits: "120" } }],
  ]);
});

test("a refund that the provider refuses has failed, with its reason", async () => {
  const { services, calls } = contextOf(() => ({ refund: { state: Refund_State.FAILED, failureReason: "closed" } }));
  expect(await refund(services, input)).toBe("settled");
  expect(calls.at(-1)).toEqual([
    "saga.recordRefund",
    { orderId: "o", refundId: "r", state: "STATE_FAILED", failureReason: "closed" },
  ]);
});

test.each<[string, Refund_State]>([
  ["pending", Refund_State.PENDING],
  ["of an unknown state", Refund_State.UNSPECIFIED],
])("a refund that is %s waits", async (_, state) => {
  const { services, calls } = contextOf(() => ({ refund: { state } }));
  expect(await refund(services, input)).toBe("waits");
  expect(rpcsIn(calls)).not.toContain("saga.recordRefund");
});

test("without a captured payment the refund has failed", async () => {
  const { services, calls } = contextOf(undefined, { paid: payments.slice(0, 1) });
  expect(await refund(services, input)).toBe("settled");
  expect(calls.at(-1)).toEqual([
    "saga.recordRefund",
    { orderId: "o", refundId: "r", state: "STATE_FAILED", failureReason: "no_payment" },
  ]);
});

test.each(["PAYMENT_NOT_CAPTURED", "REFUND_TOO_HIGH", "CURRENCY_MISMATCH"])(
  "a refund that payment refuses for %s has failed",
  async (reason) => {
    const { services, calls } = contextOf(() => {
      throw refusal(reason);
    });
    expect(await refund(services, input)).toBe("settled");
    expect(calls.at(-1)).toEqual([
      "saga.recordRefund",
      { orderId: "o", refundId: "r", state: "STATE_FAILED", failureReason: reason.toLowerCase() },
    ]);
  },
);

test.each<[string, Code]>([
  ["REFUND_DIFFERS", Code.FailedPrecondition],
  ["PAYMENT_NOT_FOUND", Code.NotFound],
  ["DATABASE_UNAVAILABLE", Code.Unavailable],
])("any other error of payment (%s) fails the step", async (reason, code) => {
  const { services, calls } = contextOf(() => {
    throw refusal(reason, code);
  });
  await expect(refund(services, input)).rejects.toMatchObject({ code });
  expect(rpcsIn(calls)).not.toContain("saga.recordRefund");
});

test.each<[string, OrderRefund_State]>([
  ["succeeded", OrderRefund_State.SUCCEEDED],
  ["failed", OrderRefund_State.FAILED],
])("a refund that has %s is not made again", async (_, state) => {
  const { services, calls } = contextOf(undefined, { asked: { ...pending, state } });
  expect(await refund(services, input)).toBe("settled");
  expect(rpcsIn(calls)).toEqual(["orders.getOrderRefund"]);
});
