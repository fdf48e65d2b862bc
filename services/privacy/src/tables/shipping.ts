import { commandTables, erasureTables, outboxTables, providerWebhooks } from "./shared.ts";
import { books, each, erased, history, internal, pseudonym, type Tables, without } from "./table.ts";

/** The columns of shipping. */
export const shippingTables: Tables = {
  shipments: {
    rows: {
      whose: "t.customer_id = $1",
      section: "shipments",
      key: { order_id: "text" },
      neededWhile: "t.state = 'PENDING'",
      areDeleted: false,
    },
    columns: {
      customer_id: pseudonym,
      ...each("order_id tracking_number", books),
      ...each("kind state create_time update_time", history),
      // Only a shipment by the carrier has an address, and it always has one.
      address: erased("case when t.address is null then null else '{}'::jsonb end"),
      // The carrier may repeat the address in them.
      refusal_reason: erased("case t.refusal_reason when '' then '' else 'erased' end"),
      recall_refusal: erased("case t.recall_refusal when '' then '' else 'erased' end"),
      ...each("event_sequence awaited ask_time asks recall_time recalls", internal),
    },
  },
  delivery_log: {
    rows: { whose: "t.customer_id = $1", section: "deliveries", key: { order_id: "text" }, areDeleted: false },
    columns: {
      customer_id: pseudonym,
      ...each("order_id tracking_number complete_time", books),
      ...each("event_id log_time", internal),
    },
  },
  events: {
    rows: {
      whose: "t.subject in (select order_id from shipments where customer_id = $1)",
      section: "shipmentEvents",
      key: { subject: "text", sequence: "bigint" },
      neededWhile: "exists (select from shipments where order_id = t.subject and state = 'PENDING')",
      areDeleted: false,
    },
    columns: {
      ...each("subject sequence type time", history),
      data: without(["reason"], { json: "t.data" }),
      ...each("id traceparent", internal),
    },
  },
  cursors: { columns: each("feed position generation update_time", internal) },
  ...providerWebhooks,
  ...outboxTables,
  ...commandTables,
  ...erasureTables,
};
