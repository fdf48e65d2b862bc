import { commandTables, erasureTables, outboxTables, requestsOf } from "./shared.ts";
import {
  books,
  each,
  erased,
  guarded,
  history,
  internal,
  personal,
  pseudonym,
  secret,
  type Tables,
  without,
} from "./table.ts";

// An order under way keeps what delivery and its money need until it ends.
const isUnderWay = "t.state not in ('COMPLETED', 'REJECTED', 'CANCELLED', 'EXPIRED')";
const ownCarts = "select id from carts where customer_id = $1";
const ownOrders = "select id from orders where customer_id = $1";

/** The columns of order. */
export const orderTables: Tables = {
  // Hashes of networks, for two hours.
  anonymous_budgets: { columns: { key: guarded, ...each("window_start count amount", internal) } },
  // Staff may refund the orders of a customer who was deleted, and name the customer's id, which the orders keep.
  ...requestsOf("orderRequests", { ofStaff: ["RefundOrder"] }),
  cart_lines: {
    rows: {
      whose: `t.cart_id in (${ownCarts})`,
      section: "cartLines",
      key: { cart_id: "text", product_id: "text" },
      neededWhile: "exists (select from carts where id = t.cart_id and state = 'CHECKING_OUT')",
      areDeleted: true,
    },
    columns: each("cart_id product_id line_number quantity sku title currency unit_price_minor", personal),
  },
  // The empty carts stay: their events are numbered by them.
  carts: {
    rows: {
      whose: "t.customer_id = $1",
      section: "carts",
      key: { id: "text" },
      neededWhile: "t.state = 'CHECKING_OUT'",
      areDeleted: false,
    },
    columns: {
      id: history,
      customer_id: pseudonym,
      name: erased("''"),
      state: erased("case t.state when 'OPEN' then 'DELETED' else t.state end"),
      is_default: erased("false"),
      left_out: erased("null"),
      merge: erased("null"),
      last_failure_reason: erased("''"),
      ...each("order_id merged_into create_time update_time", history),
      guest_token_hash: secret,
      ...each("version event_sequence remind_version notified_expire_time idle_check_time", internal),
    },
  },
  orders: {
    rows: {
      whose: "t.customer_id = $1",
      section: "orders",
      key: { id: "text" },
      neededWhile: `${isUnderWay} or exists (
        select from order_refunds r where r.order_id = t.id and r.state = 'PENDING')`,
      areDeleted: false,
    },
    columns: {
      ...each("customer_id guest_customer_id", pseudonym),
      ...each("id cart_id currency total_minor refunded_minor disputes pay_later shortages tracking_number", books),
      ...each("state outcome_reason decline_reason cancel_request_time expire_time create_time update_time", history),
      shipping_address: erased("null"),
      ...each("contact_email outcome_detail cancel_detail", erased("''")),
      // The shop's own words, which the customer is not shown.
      cancel_internal_reason: erased("''", { isSecret: true }),
      ...each(
        "cancel_actor_kind cancel_actor_id place_actor_kind place_actor_id pay_actor_kind pay_actor_id",
        internal,
      ),
      // Empty means the balance: a refund goes the way that the payment came.
      payment_method: erased("case t.payment_method when '' then '' else 'erased' end"),
      fingerprint: erased("''::bytea", { isSecret: true }),
      ...each("ends_as sequence payment_attempt payment_pending owner_workflow_id", internal),
    },
  },
  order_lines: {
    rows: {
      whose: `t.order_id in (${ownOrders})`,
      section: "orderLines",
      key: { order_id: "text", line_number: "integer" },
      areDeleted: false,
    },
    columns: each("order_id line_number product_id sku title quantity unit_price_minor", books),
  },
  order_refunds: {
    rows: {
      whose: `t.order_id in (${ownOrders})`,
      section: "orderRefunds",
      key: { order_id: "text", id: "text" },
      neededWhile: "t.state = 'PENDING'",
      areDeleted: false,
    },
    columns: {
      ...each("order_id id amount_minor public_reason source", books),
      ...each("state failure_reason create_time update_time", history),
      fingerprint: erased("''::bytea", { isSecret: true }),
      ...each("payment_refund_id at_most reason actor_kind actor_id", internal),
    },
  },
  events: {
    rows: {
      whose: `t.subject in (${ownOrders} union all select 'carts/' || id from carts where customer_id = $1)`,
      section: "orderEvents",
      key: { subject: "text", sequence: "bigint" },
      neededWhile: `exists (select from orders as t where t.id = subject and (${isUnderWay}))`,
      areDeleted: false,
    },
    columns: {
      ...each("subject sequence type time", history),
      data: without(["contactEmail", "detail", "name"], { json: "t.data" }),
      ...each("id traceparent", internal),
    },
  },
  incidents: {
    columns: each(
      `id order_id step workflow_id error attempts state resolution retry_request_time
       retry_actor_kind retry_actor_id resolve_actor_kind resolve_actor_id create_time update_time`,
      internal,
    ),
  },
  // What the audit found has ids in it, of customers too.
  audits: {
    columns: { ...each("id state start_time seen_time end_time", internal), ...each("laws failure", guarded) },
  },
  cursors: { columns: each("feed position generation update_time", internal) },
  ...outboxTables,
  ...commandTables,
  ...erasureTables,
};
