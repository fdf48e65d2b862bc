import { commandTables, erasureTables, outboxTables, providerWebhooks, requestsOf } from "./shared.ts";
import { books, each, erased, history, internal, pseudonym, type Tables } from "./table.ts";

const ownPayments = "select id from payments where customer_id = $1";

/** The columns of payment. The ledger is only added to, and has no name in it. */
export const paymentTables: Tables = {
  ...requestsOf("paymentRequests"),
  payments: {
    rows: {
      whose: "t.customer_id = $1",
      section: "payments",
      key: { id: "uuid" },
      neededWhile: "t.state = 'PENDING'",
      areDeleted: false,
    },
    columns: {
      customer_id: pseudonym,
      ...each("id kind order_id attempt currency amount_minor captured_minor refunded_minor", books),
      ...each("disputed_minor provider_charge_id", books),
      ...each("state decline_reason create_time update_time", history),
      // Empty means the balance: a refund goes the way that the payment came.
      payment_method: erased("case t.payment_method when '' then '' else 'erased' end"),
      reference: erased("''"),
      ...each("asks next_ask_time event_sequence actor_kind actor_id", internal),
    },
  },
  refunds: {
    rows: {
      whose: `t.payment_id in (${ownPayments})`,
      section: "refunds",
      key: { id: "text" },
      areDeleted: false,
    },
    columns: {
      ...each("id payment_id amount_minor source provider_refund_id", books),
      ...each("state failure_reason create_time update_time", history),
      // The shop's own reason, which the customer is not shown.
      ...each("place reason refusals asks next_ask_time at_most actor_kind actor_id", internal),
    },
  },
  disputes: {
    rows: {
      whose: `t.payment_id in (${ownPayments})`,
      section: "disputes",
      key: { id: "text" },
      areDeleted: false,
    },
    columns: {
      ...each("id payment_id amount_minor reason", books),
      ...each("state create_time update_time", history),
      place: internal,
    },
  },
  accounts: {
    rows: { whose: "t.customer_id = $1", section: "accounts", key: { id: "bigint" }, areDeleted: false },
    columns: {
      customer_id: pseudonym,
      ...each("id kind currency balance", books),
      ...each("create_time update_time", history),
      // Only the shop's own accounts have one.
      name: internal,
    },
  },
  postings: {
    rows: {
      whose: "t.account_id in (select id from accounts where customer_id = $1)",
      section: "accountEntries",
      key: { entry_id: "uuid", line: "integer" },
      areDeleted: false,
    },
    columns: each("entry_id line account_id currency amount_minor", books),
  },
  journal_entries: { columns: each("id kind reference actor_kind actor_id create_time", internal) },
  events: {
    rows: {
      whose: `t.subject in (select id::text from payments where customer_id = $1)`,
      section: "paymentEvents",
      key: { subject: "text", sequence: "bigint" },
      areDeleted: false,
    },
    columns: {
      ...each("subject sequence type time", history),
      data: books,
      ...each("id traceparent", internal),
    },
  },
  ...providerWebhooks,
  ...outboxTables,
  ...commandTables,
  ...erasureTables,
};
