import { testRequestIds } from "@sagacart/chassis/testing/request-id-tests";
import { attempt, chargeAll, paymentOf, voidAll } from "./testing/calls.ts";
import { startTestPayment } from "./testing/stack.ts";

testRequestIds(async () => {
  const service = await startTestPayment();
  const usd = (minorUnits: string) => ({ currencyCode: "USD", minorUnits });

  async function newCustomer(): Promise<string> {
    const customerId = crypto.randomUUID();
    await service.accounts.batchPutAccounts({
      items: [{ customerId, balance: { currencyCode: "USD", minorUnits: 1_000n } }],
    });
    return customerId;
  }

  async function newPayment(): Promise<string> {
    const amount = { currencyCode: "USD", minorUnits: 100n };
    const { payment } = await service.payments.createPayment({ customerId: await newCustomer(), amount });
    return payment?.id ?? "";
  }

  /** Returns the id of a refund that the card provider refuses for good. */
  async function newRefusedRefund(): Promise<string> {
    const orderId = crypto.randomUUID();
    await chargeAll(service, [attempt(orderId, { paymentMethod: "pm_refund_charge_disputed" })]);
    await voidAll(service, [{ orderId }]);
    return `void-${(await paymentOf(service, orderId)).id}`;
  }

  return {
    ...service,
    domain: "payment.sagacart",
    cases: {
      async CreateAccount() {
        return {
          request: { customerId: crypto.randomUUID(), currencyCode: "USD" },
          others: { customerId: { customerId: crypto.randomUUID() }, currencyCode: { currencyCode: "EUR" } },
        };
      },
      async Deposit() {
        return {
          request: { customerId: await newCustomer(), amount: usd("5") },
          others: { customerId: { customerId: await newCustomer() }, amount: { amount: usd("6") } },
          customer: "customerId",
        };
      },
      async CreatePayment() {
        return {
          request: { customerId: await newCustomer(), amount: usd("5"), reference: "bike" },
          others: {
            customerId: { customerId: await newCustomer() },
            amount: { amount: usd("6") },
            paymentMethod: { paymentMethod: "pm_ok" },
            reference: { reference: "car" },
          },
          customer: "customerId",
        };
      },
      async RefundPayment() {
        return {
          request: { paymentId: await newPayment(), refundId: crypto.randomUUID(), amount: usd("5"), reason: "torn" },
          others: {
            paymentId: { paymentId: await newPayment() },
            refundId: { refundId: crypto.randomUUID() },
            amount: { amount: usd("6") },
            reason: { reason: "lost" },
            atMost: { atMost: true },
          },
        };
      },
      async SettleRefund() {
        return {
          request: { id: await newRefusedRefund(), amount: usd("5"), reason: "bank transfer" },
          others: {
            id: { id: await newRefusedRefund() },
            amount: { amount: usd("6") },
            reason: { reason: "cash" },
          },
        };
      },
    },
  };
});
