import type { ServiceWithTables } from "../personal-data.ts";

/**
 * Returns the SQL that plants rows about a customer in every table of a service that has some, with a value in every column
 * that is deleted. Free text has `secret of <customer>`, and addresses are `<customer>@mail.test`.
 */
export function plant(service: ServiceWithTables, customerId: string): readonly string[] {
  return plants[service](customerId);
}

const request = (scope: string) =>
  `insert into requests (scope, request_id, method, fingerprint, resource_id, failure)
   values ('${scope}', 'r', 'Make', 'hash', 'thing', null), ('${scope}', 'failed', 'Make', 'hash', null, '{"a": 1}')`;

const address = (id: string) => `'{"recipient": "secret of ${id}", "line1": "secret of ${id}"}'::jsonb`;

const plants: Readonly<Record<ServiceWithTables, (id: string) => readonly string[]>> = {
  stock: () => [],
  order: (id) => [
    request(id),
    `insert into carts (id, customer_id, name, is_default, left_out, merge, last_failure_reason)
     values ('cart-${id}', '${id}', 'secret of ${id}', true, '[]', '{}', 'SOLD_OUT')`,
    `insert into cart_lines (cart_id, product_id, line_number, quantity, sku, title, currency, unit_price_minor)
     values ('cart-${id}', 'mug', 1, 1, 'MUG', 'secret of ${id}', 'USD', 100)`,
    `insert into orders (id, customer_id, fingerprint, state, sequence, currency, total_minor, payment_method, pay_later,
       shipping_address, contact_email, outcome_detail, cancel_detail)
     values ('order-${id}', '${id}', 'hash', 'CANCELLED', 1, 'USD', 100, 'secret of ${id}', false, ${address(id)},
       '${id}@mail.test', 'secret of ${id}', 'secret of ${id}')`,
    `insert into order_lines (order_id, line_number, product_id, sku, title, quantity, unit_price_minor)
     values ('order-${id}', 1, 'mug', 'MUG', 'A mug', 1, 100)`,
    `insert into order_refunds (order_id, id, payment_refund_id, fingerprint, amount_minor, state)
     values ('order-${id}', 'refund', gen_random_uuid(), 'hash', 1, 'SUCCEEDED')`,
    `insert into events (subject, sequence, id, type, data)
     values ('order-${id}', 1, gen_random_uuid(), 'sagacart.order.cancelled.v1',
             '{"customerId": "${id}", "contactEmail": "${id}@mail.test", "detail": "secret of ${id}"}'),
            ('carts/cart-${id}', 1, gen_random_uuid(), 'sagacart.cart.expiring.v1',
             '{"customerId": "${id}", "name": "secret of ${id}"}')`,
  ],
  payment: (id) => [
    request(id),
    `insert into payments (id, kind, customer_id, currency, amount_minor, payment_method, reference, state)
     values (md5('payment-${id}')::uuid, 'MANUAL', '${id}', 'USD', 1, 'secret of ${id}', 'secret of ${id}', 'DECLINED')`,
    `insert into refunds (id, place, payment_id, amount_minor, reason, state)
     values ('refund-${id}', gen_random_uuid(), md5('payment-${id}')::uuid, 1, 'broken', 'FAILED')`,
    `insert into disputes (id, place, payment_id, amount_minor, reason, state)
     values ('dispute-${id}', gen_random_uuid(), md5('payment-${id}')::uuid, 1, 'fraudulent', 'LOST')`,
    `insert into accounts (kind, customer_id, currency, balance) values ('CUSTOMER', '${id}', 'USD', 0)`,
    `insert into accounts (kind, name, currency) values ('SYSTEM', 'planted', 'USD') on conflict do nothing`,
    `insert into journal_entries (id, kind, reference) values (md5('entry-${id}')::uuid, 'DEPOSIT', 'a deposit')`,
    `insert into postings (entry_id, line, account_id, currency, amount_minor)
     select md5('entry-${id}')::uuid, row_number() over (order by name nulls first), id, 'USD',
            case when name is null then 1 else -1 end
     from accounts where currency = 'USD' and (customer_id = '${id}' or name = 'planted')`,
    `insert into events (subject, sequence, id, type, data)
     values (md5('payment-${id}')::uuid::text, 1, gen_random_uuid(), 'sagacart.payment.declined.v1', '{"customerId": "${id}"}')`,
  ],
  shipping: (id) => [
    `insert into shipments (order_id, customer_id, kind, state, address, refusal_reason, event_sequence)
     values ('order-${id}', '${id}', 'CARRIER', 'REFUSED', ${address(id)}, 'secret of ${id}', 1)`,
    `insert into shipments (order_id, customer_id, kind, state, address, recall_refusal, event_sequence)
     values ('recalled-${id}', '${id}', 'CARRIER', 'CANCELLED', ${address(id)}, 'secret of ${id}', 1)`,
    `insert into delivery_log (order_id, event_id, customer_id, tracking_number, complete_time)
     values ('order-${id}', 'event', '${id}', 'T1', now())`,
    `insert into events (subject, sequence, id, type, data)
     values ('order-${id}', 1, gen_random_uuid(), 'sagacart.shipment.refused.v1',
             '{"customerId": "${id}", "reason": "secret of ${id}"}')`,
  ],
  notifier: (id) => [
    `insert into contacts (customer_id, email, registered_email, name)
     values ('${id}', '${id}@mail.test', 'registered-${id}@mail.test', 'secret of ${id}')`,
    `insert into turned_off (customer_id, channel, event_type) values ('${id}', 'EMAIL', 'sagacart.order.completed.v1')`,
    `insert into inboxes (customer_id, sequence, unread) values ('${id}', 1, 1)`,
    `insert into messages (id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name, language,
       template_version, facts, state, last_error, create_time, send_time, read_time, delete_time, inbox_sequence)
     values ('inbox-${id}', 'event', 'sagacart.order.completed.v1', 'order', 'cart', '${id}', 'INBOX', '${id}',
       'secret of ${id}', 'en', 1, 'secret of ${id}', 'SENT', 'secret of ${id}', now(), now(), now(), now(), 1),
      ('mail-${id}', 'event', 'sagacart.order.completed.v1', 'order', '', '${id}', 'EMAIL', 'work.${id}@mail.test',
       'secret of ${id}', 'en', 1, 'secret of ${id}', 'SENT', '', now(), now(), null, null, null)`,
    `insert into mails (id, message_id, sender, recipients, subject, text, html, unsubscribe)
     values ('1-${id}', 'm', 'shop', '{${id}@mail.test}', 'secret of ${id}', 'secret of ${id}', 'secret of ${id}', 'u'),
            ('2-${id}', 'm', 'shop', '{work.${id}@mail.test}', 'secret of ${id}', 'secret of ${id}', 'x', 'u')`,
    `insert into webhook_endpoints (id, url, event_types, description, content_mode, enabled)
     values ('endpoint', 'https://erp.test', '{*}', '', 'BINARY', true) on conflict do nothing`,
    `insert into webhook_events (id, source, type, subject, sequence, position, time, data, traceparent)
     values ('event-${id}', '/sagacart/order', 'sagacart.order.cancelled.v1', 'order', 1, 1, now(),
             '{"customerId":"${id}","contactEmail":"${id}@mail.test","detail":"secret of ${id}"}', '')`,
    `insert into webhook_deliveries (id, endpoint_id, event_id, subject, position)
     values ('delivery-${id}', 'endpoint', 'event-${id}', 'order', 1)`,
    `insert into webhook_attempts (delivery_id, number, time, status, duration_ms, error, answer)
     values ('delivery-${id}', 1, now(), 500, 1, '', 'secret of ${id}')`,
    `insert into skipped_events (event_id, position, type, reason, data)
     values ('skipped-${id}', 1, 'sagacart.order.completed.v1', 'no total',
             '{"customerId": "${id}", "contactEmail": "${id}@mail.test"}'),
            ('broken-${id}', 2, 'sagacart.order.completed.v1', 'not JSON', 'nothing')`,
  ],
  identity: (id) => [
    `insert into users (id, username, email, verified_email, pending_email, phone, password_hash, roles)
     values ('${id}', '${id}', '${id}@mail.test', '${id}@mail.test', 'new-${id}@mail.test', 'secret of ${id}',
       '$argon2id$x', '{customer}')`,
    `insert into addresses (id, user_id, address, is_default) values ('address-${id}', '${id}', ${address(id)}, true)`,
    `insert into sessions (id, user_id, end_time, end_reason, expire_time, user_agent, network)
     values ('session-${id}', '${id}', now(), 'SIGNED_OUT', now(), 'Browser of ${id}', 'network of ${id}')`,
    `insert into factors (id, user_id, kind, name, secret, secret_key_id, confirm_time, last_use_time)
     values ('factor-${id}', '${id}', 'TOTP', 'phone of ${id}', 'encrypted', 'key', now(), now())`,
    `insert into recovery_codes (user_id, hash) values ('${id}', 'hash')`,
    `insert into pending_sign_ins (hash, user_id, expire_time) values ('${id}', '${id}', now())`,
    `insert into passkeys (id, user_id, name, credential_id, public_key, sign_count, transports, last_use_time)
     values ('passkey-${id}', '${id}', 'key of ${id}', 'credential of ${id}', 'public', 1, '{usb}', now())`,
    `insert into passkey_challenges (hash, user_id, purpose, passkey_id, name, expire_time)
     values ('${id}', '${id}', 'ENROLL', 'passkey-${id}', 'key of ${id}', now())`,
    `insert into factor_resets (user_id, operator_id, factors) values ('${id}', 'operator', 1)`,
    `insert into email_tokens (hash, user_id, purpose, email, expire_time)
     values ('${id}', '${id}', 'UNDO', '${id}@mail.test', now())`,
    `insert into refresh_tokens (hash, session_id, expire_time, use_time, next_hash)
     values ('${id}', 'session-${id}', now(), now(), 'next')`,
    `insert into password_resets (hash, user_id, expire_time) values ('${id}', '${id}', now())`,
    `insert into oidc_entries (model, id_hash, payload, account_id, expire_time)
     values ('Session', '${id}', '{}', '${id}', now())`,
    `insert into events (subject, sequence, id, type, data)
     values ('${id}', 1, gen_random_uuid(), 'sagacart.user.created.v1', '{"userId": "${id}", "email": "${id}@mail.test"}')`,
    request(`addresses ${id}`),
    `insert into requests (scope, request_id, method, fingerprint, resource_id)
     values ('register', 'of-${id}', 'Register', 'hash', '${id}')`,
  ],
};
