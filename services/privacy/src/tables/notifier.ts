import { erasureTables } from "./shared.ts";
import { each, erased, guarded, history, internal, personal, secret, type Tables, without } from "./table.ts";

const customerIn = (text: string) => `case when ${text} is json object then (${text})::jsonb->>'customerId' end = $1`;

/** The columns of the notifier. */
export const notifierTables: Tables = {
  // Before what leads to them: the addresses of the customer.
  mails: {
    rows: {
      whose: `t.recipients && array(
        select lower(recipient) from messages where customer_id = $1 and channel = 'EMAIL'
        union select lower(email) from contacts where customer_id = $1 and email <> ''
        union select lower(registered_email) from contacts where customer_id = $1 and registered_email <> '')`,
      section: "mails",
      key: { id: "text" },
      areDeleted: true,
    },
    columns: {
      ...each("id sender recipients subject text html receive_time", personal),
      message_id: internal,
      // The link that unsubscribes without a sign-in.
      unsubscribe: secret,
    },
  },
  messages: {
    rows: { whose: "t.customer_id = $1", section: "messages", key: { id: "text" }, areDeleted: true },
    columns: {
      ...each("id event_type order_id cart_id customer_id channel recipient name language facts state", personal),
      ...each("last_error create_time send_time read_time delete_time", personal),
      ...each("event_id template_version attempts try_time inbox_sequence traceparent", internal),
    },
  },
  inboxes: {
    rows: { whose: "t.customer_id = $1", section: "inbox", key: { customer_id: "text" }, areDeleted: true },
    columns: each("customer_id sequence unread", personal),
  },
  turned_off: {
    rows: {
      whose: "t.customer_id = $1",
      section: "preferences",
      key: { customer_id: "text", channel: "text", event_type: "text" },
      areDeleted: true,
    },
    columns: each("customer_id channel event_type create_time", personal),
  },
  contacts: {
    rows: { whose: "t.customer_id = $1", section: "contacts", key: { customer_id: "text" }, areDeleted: true },
    columns: each(
      "customer_id email registered_email registered_verified name language language_chosen update_time",
      personal,
    ),
  },
  // An endpoint's answer may repeat what it was sent.
  webhook_attempts: {
    rows: {
      whose: `t.delivery_id in (select d.id from webhook_deliveries d join webhook_events e on e.id = d.event_id
        where ${customerIn("e.data")})`,
      section: "webhookAttempts",
      key: { delivery_id: "text", number: "integer" },
      areDeleted: false,
    },
    columns: {
      ...each("delivery_id number time status", history),
      answer: erased("''"),
      ...each("duration_ms error", internal),
    },
  },
  // Those that wait to be sent are sent, without personal data.
  webhook_events: {
    rows: { whose: customerIn("t.data"), section: "webhookEvents", key: { id: "text" }, areDeleted: false },
    columns: {
      ...each("id source type subject sequence time", history),
      data: without(["contactEmail", "detail", "name"], { json: "t.data::jsonb", type: "text" }),
      ...each("position traceparent", internal),
    },
  },
  skipped_events: {
    rows: { whose: customerIn("t.data"), section: "skippedEvents", key: { event_id: "text" }, areDeleted: true },
    columns: {
      ...each("event_id type reason data create_time", personal),
      position: internal,
    },
  },
  webhook_deliveries: {
    columns: each(
      `id endpoint_id event_id subject position state resent attempts retries try_time sending expire_time last_error
       create_time end_time`,
      internal,
    ),
  },
  webhook_endpoints: {
    columns: each(
      `id url event_types description content_mode enabled disabled_reason version circuit failures failing_since
       openings resume_time create_time update_time`,
      internal,
    ),
  },
  webhook_secrets: { columns: { secret, ...each("id endpoint_id create_time expire_time", internal) } },
  webhook_cursors: { columns: each("feed position generation update_time", internal) },
  // Hashes of addresses, for an hour or two: the limit of mails must hold for those who have no account too.
  recipient_mails: { columns: { recipient: guarded, ...each("times last_time", internal) } },
  cursors: { columns: each("feed position generation update_time", internal) },
  templates: { columns: each("event_type language version subject mjml text built_in create_time", internal) },
  // An operator's, for endpoints of webhooks.
  requests: {
    columns: each("scope request_id method fingerprint resource_id failure create_time", internal),
  },
  ...erasureTables,
};
