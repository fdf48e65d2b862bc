import { testAccess } from "@sagacart/chassis/testing/access-tests";
import type { ListPaymentsResponse, ListRefundsResponse } from "@sagacart/proto/payment/v1/payment_service";
import { startTestPayment } from "./testing/stack.ts";

testAccess(async () => {
  const service = await startTestPayment();
  const { accounts, payments } = service;
  const customerId = "victim";
  const amount = { currencyCode: "USD", minorUnits: 1_000n };
  await accounts.batchPutAccounts({ items: [{ customerId, balance: amount }] });
  const { payment } = await payments.createPayment({ customerId, amount, requestId: "p-1" });
  const paymentId = payment?.id ?? "";
  await payments.refundPayment({ paymentId, refundId: "r-1", requestId: "r-1", reason: "torn", amount });
  return {
    ...service,
    domain: "payment.sagacart",
    things: {
      GetPayment: { id: paymentId, ask: (id) => ({ id }) },
      GetRefund: { id: "r-1", ask: (id) => ({ id }) },
    },
    lists: {
      ListPayments: { ask: {}, count: ({ payments }: ListPaymentsResponse) => payments.length },
      ListRefunds: { ask: { paymentId }, count: ({ refunds }: ListRefundsResponse) => refunds.length },
    },
    ofCaller: ["GetAccount", "ListPostings"],
  };
});
