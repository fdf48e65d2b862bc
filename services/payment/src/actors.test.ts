import { createClient } from "@connectrpc/connect";
import { testActors } from "@sagacart/chassis/testing/actor-tests";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { attempt, chargeAll, paymentOf, voidAll } from "./testing/calls.ts";
import { startTestPayment } from "./testing/stack.ts";

testActors(async () => {
  const service = await startTestPayment();
  const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });

  async function newCustomer(): Promise<string> {
    const customerId = crypto.randomUUID();
    await service.accounts.batchPutAccounts({ items: [{ customerId, balance: usd(1_000n) }] });
    return customerId;
  }

  /** Returns the id of a refund that the card provider refuses for good. */
  async function newRefusedRefund(): Promise<string> {
    const orderId = crypto.randomUUID();
    await chargeAll(service, [attempt(orderId, { paymentMethod: "pm_refund_charge_disputed" })]);
    await voidAll(service, [{ orderId }]);
    return `void-${(await paymentOf(service, orderId)).id}`;
  }

  async function newParkedWebhook(): Promise<string> {
    const id = crypto.randomUUID();
    await service.pool.query(
      `insert into webhooks (provider, id, body, tries, next_try_time, park_time)
       values ('card', $1, '{}', 30, null, now())`,
      [id],
    );
    return id;
  }

  const reader = "a reader's position";
  return {
    ...service,
    domain: "payment.sagacart",
    byHand(transport, operator) {
      const accounts = createClient(AccountService, transport);
      const payments = createClient(PaymentService, transport);
      const posterOf = async (customerId: string) =>
        (await accounts.listPostings({ customerId, currencyCode: "USD" }, operator)).postings[0]?.actor;
      return {
        async Deposit(as) {
          const customerId = await newCustomer();
          await accounts.deposit({ customerId, amount: usd(5n) }, as);
          return await posterOf(customerId);
        },
        async BatchPutAccounts(as) {
          const customerId = await newCustomer();
          await accounts.batchPutAccounts({ items: [{ customerId, balance: usd(7n) }] }, as);
          return await posterOf(customerId);
        },
        async CreatePayment(as) {
          const request = { customerId: await newCustomer(), amount: usd(10n) };
          const { payment } = await payments.createPayment(request, as);
          return (await payments.getPayment({ id: payment?.id ?? "" }, operator)).payment?.createdBy;
        },
        async RefundPayment(as) {
          const { payment } = await service.payments.createPayment({
            customerId: await newCustomer(),
            amount: usd(10n),
          });
          const { refund } = await payments.refundPayment({ paymentId: payment?.id ?? "" }, as);
          return (await payments.getRefund({ id: refund?.id ?? "" }, operator)).refund?.requestedBy;
        },
        async SettleRefund(as) {
          const request = { id: await newRefusedRefund(), reason: "bank transfer", requestId: crypto.randomUUID() };
          const { refund } = await payments.settleRefund(request, as);
          return (await payments.getRefund({ id: refund?.id ?? "" }, operator)).refund?.requestedBy;
        },
        async RetryParkedWebhook(as) {
          const { webhook } = await payments.retryParkedWebhook({ id: await newParkedWebhook() }, as);
          return webhook?.actor;
        },
        async DismissParkedWebhook(as) {
          const request = { id: await newParkedWebhook(), reason: "of another shop" };
          return (await payments.dismissParkedWebhook(request, as)).webhook?.actor;
        },
      };
    },
    others: {
      CreateAccount: "makes an empty account",
      RetryRefund: "asks again for a refund, which keeps who requested it",
      ...{ CommitPosition: reader, DeleteConsumer: reader, ReplayConsumer: reader },
    },
  };
});
