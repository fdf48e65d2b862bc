import { createHmac } from "node:crypto";
import { home, mouse, type Scene, usd } from "./scene.ts";

/** Accounts, the journal, and payments that no order asks for. */
export async function recordMoney({ call, admin: token }: Scene): Promise<void> {
  const customerId = "grace";
  await call("createAccount", { token, body: { customerId, currencyCode: "USD" } });
  await call("deposit", { token, path: { customerId }, body: { amount: usd(5_000) } });
  await call("getAccount", { token, path: { customerId }, query: { currencyCode: "USD" } });
  await call("listAccounts", { token, query: { pageSize: 2 } });
  const { payment } = await call("createPayment", {
    token,
    body: { customerId, amount: usd(1_500), reference: "invoice 1207" },
  });
  await call("listPostings", { token, path: { customerId }, query: { currencyCode: "USD", pageSize: 2 } });
  await call("getPayment", { token, path: { id: payment.id } });
  await call("listPayments", { token, query: { customerId, pageSize: 1 } });
  const { entries } = await call("listJournalEntries", { token, query: { paymentId: payment.id, pageSize: 1 } });
  await call("getJournalEntry", { token, path: { id: entries[0].id } });
  const { refund } = await call("refundPayment", {
    token,
    path: { paymentId: payment.id },
    body: { amount: usd(500), reason: "Discount" },
  });
  await call("getRefund", { token, path: { id: refund.id }, query: { customerId } });
  await call("listRefunds", { token, query: { paymentId: payment.id, pageSize: 1 } });
}

/** A refund that the provider refuses, its incident, and a dispute. */
export async function recordIncidents({ call, admin: token, dashboard }: Scene): Promise<void> {
  // The carrier refuses this postal code, and the card provider refuses to pay back.
  const { order } = await call("checkout", {
    token,
    body: {
      ...{ customerId: "alice", lines: [mouse], waitFor: "WAIT_FOR_PAID" },
      paymentMethod: "pm_refund_charge_disputed",
      shippingAddress: { ...home, city: "Springfield", postalCode: "00000", countryCode: "US" },
    },
  });
  const { incidents } = await call("listIncidents", {
    token,
    query: { orderId: order.id, state: "STATE_OPEN", pageSize: 1 },
    until: (answer) => answer.incidents.length > 0,
  });
  const path = { id: incidents[0].id };
  await call("getIncident", { token, path });
  await call("retryIncident", { token, path, body: {} });
  const { refunds } = await call("listRefunds", { token, query: { orderId: order.id } });
  const refund = { id: refunds[0].id };
  await call("getRefund", { token, path: refund, until: (answer) => answer.refund.refusals >= 2 });
  await call("retryRefund", { token, path: refund, body: {} });
  await call("getRefund", { token, path: refund, until: (answer) => answer.refund.refusals >= 3 });
  await call("settleRefund", { token, path: refund, body: { reason: "bank transfer 4711" } });

  const bought = await call("checkout", {
    token,
    body: { customerId: "alice", lines: [mouse], paymentMethod: "pm_ok", waitFor: "WAIT_FOR_COMPLETED" },
  });
  const orderId: string = bought.order.id;
  const { payments } = await call("listPayments", { token, query: { orderId } });
  await dashboard.openDispute({ id: `dp-${payments[0].id}`, charge: payments[0].id });
  const { disputes } = await call("listDisputes", {
    token,
    query: { orderId, state: "STATE_OPEN", pageSize: 1 },
    until: (answer) => answer.disputes.length > 0,
  });
  await call("getDispute", { token, path: { id: disputes[0].id } });
  const opened = await call("listIncidents", {
    token,
    query: { orderId },
    until: (answer) => answer.incidents.length > 0,
  });
  await call("resolveIncident", {
    token,
    path: { id: opened.incidents[0].id },
    body: { resolution: "Sent the delivery's proof to the bank" },
  });
}

/** Webhooks of the providers: one that is about nothing known is parked, and an operator decides. */
export async function recordProviderWebhooks({ call, admin: token, webhookSecrets, hasten }: Scene): Promise<void> {
  const places = [
    { provider: "card", database: "payment", type: "charge.declined", data: { reason: "card_declined" } },
    { provider: "carrier", database: "shipping", type: "shipment.accepted", data: { trackingNumber: "TRACK-1" } },
  ] as const;
  for (const { provider, database, type, data } of places) {
    for (const decision of ["retry", "dismiss"] as const) {
      const at = database === "payment" ? "AtPayment" : "AtShipping";
      const id = `evt_${crypto.randomUUID()}`;
      const body = JSON.stringify({ id, type, data: { key: crypto.randomUUID(), ...data } });
      const signature = signed(body, webhookSecrets[provider]);
      await call("receiveWebhook", { path: { provider }, headers: { "sagacart-signature": signature }, body });
      await call(`listParkedWebhooks${at}`, {
        token,
        query: { pageSize: 1 },
        until: async (answer) => {
          await hasten(database, "update webhooks set tries = 29, next_try_time = now() where id = $1", [id]);
          return answer.webhooks.length > 0;
        },
      });
      await call(`${decision}ParkedWebhook${at}`, {
        token,
        path: { id },
        body: decision === "retry" ? {} : { reason: "A test of the provider's" },
      });
    }
  }
}

/** Signs a webhook as the providers do. */
function signed(body: string, secret: string): string {
  const seconds = Math.floor(Date.now() / 1_000);
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;
}
