create table payments (
  id                 uuid        primary key,
  kind               text        not null check (kind in ('ORDER', 'MANUAL')),
  order_id           text,
  attempt            int         check (attempt between 1 and 20),
  -- Absent in the tombstone of an attempt that was voided before it came.
  customer_id        text,
  currency           char(3),
  amount_minor       bigint      check (amount_minor >= 0),
  payment_method     text        not null default '', -- empty: the customer's balance
  reference          text        not null default '',
  state              text        not null check (state in ('PENDING', 'CAPTURED', 'DECLINED', 'VOIDED')),
  decline_reason     text        not null default '',
  captured_minor     bigint      not null default 0,
  refunded_minor     bigint      not null default 0,  -- the sum of its refunds that have not failed
  provider_charge_id text        not null default '',
  -- How often somebody was told to wait, or the provider was asked again: if ever, whoever settles it tells.
  asks               int         not null default 0,
  next_ask_time      timestamptz,                     -- null: the provider has nothing to say about it any more
  event_sequence     bigint      not null default 0,
  create_time        timestamptz not null default now(),
  update_time        timestamptz not null default now(),
  unique (order_id, attempt),
  check (num_nulls(order_id, attempt) = case kind when 'ORDER' then 0 else 2 end),
  check (num_nulls(customer_id, currency, amount_minor) = 0
         or (state = 'VOIDED' and num_nulls(customer_id, currency, amount_minor) = 3)),
  check (captured_minor in (0, coalesce(amount_minor, 0))),
  check (refunded_minor between 0 and captured_minor),
  check (state <> 'CAPTURED' or captured_minor = amount_minor),
  -- Whatever is not captured charges nothing: what came too late is paid back in the transaction that records it.
  check (state = 'CAPTURED' or refunded_minor = captured_minor),
  check (state <> 'PENDING' or next_ask_time is not null)
);
-- At most one attempt of an order is or may become charged.
create unique index payments_live on payments (order_id) where state in ('PENDING', 'CAPTURED');
create index payments_customer on payments (customer_id, id);
create index payments_to_ask on payments (next_ask_time) where next_ask_time is not null;

create table refunds (
  id             text        primary key,
  place          uuid        not null unique, -- sorts by time, for lists
  payment_id     uuid        not null references payments,
  amount_minor   bigint      not null check (amount_minor > 0),
  reason         text        not null default '',
  state          text        not null check (state in ('PENDING', 'SUCCEEDED', 'FAILED')),
  failure_reason text        not null default '',
  refusals       int         not null default 0, -- how often the provider refused what must not fail
  asks           int         not null default 0,
  next_ask_time  timestamptz,
  create_time    timestamptz not null default now(),
  update_time    timestamptz not null default now(),
  check ((state = 'PENDING') = (next_ask_time is not null))
);
create index refunds_payment on refunds (payment_id, place);
create index refunds_to_ask on refunds (next_ask_time) where next_ask_time is not null;

-- What providers sent, as it came: stored before it is acknowledged.
create table webhooks (
  provider      text        not null,
  id            text        not null,           -- the provider's id of the event
  body          bytea       not null,
  tries         int         not null default 0,
  next_try_time timestamptz default now(),      -- null: applied
  receive_time  timestamptz not null default now(),
  primary key (provider, id)
);
create index webhooks_to_apply on webhooks (next_try_time) where next_try_time is not null;

create table requests (
  scope       text        not null, -- whose ids they are: a customer's id, for most
  request_id  text        not null,
  method      text        not null,
  fingerprint bytea       not null, -- sha256 of what was asked
  resource_id text,                 -- what was made
  failure     jsonb,                -- or why not
  create_time timestamptz not null default now(),
  primary key (scope, request_id),
  check (num_nonnulls(resource_id, failure) <= 1)
);
create index requests_create_time on requests (create_time);
