-- Carts, orders, their events and commands, idempotency keys, refunds and incidents.

create table carts (
  id                  text        primary key,
  customer_id         text,                        -- null: a guest's cart
  guest_token_hash    bytea,                       -- sha256 of a guest cart's token
  name                text        not null default '',
  state               text        not null default 'OPEN'
                                  check (state in ('OPEN', 'CHECKING_OUT', 'PURCHASED', 'DELETED', 'EXPIRED', 'MERGED')),
  is_default          boolean     not null default false,
  version             bigint      not null default 1,
  order_id            text,                        -- its latest order
  last_failure_reason text        not null default '',
  merged_into         text,                        -- the cart that its lines were merged into
  left_out            jsonb,                       -- lines that a duplicate skipped
  merge               jsonb,                       -- the result of its merge, for repeated requests
  event_sequence      bigint      not null default 0, -- the sequence of its latest event
  remind_version      bigint,                      -- its version at the last reminder
  notified_expire_time timestamptz,                -- the expiry time that this reminder announced
  -- The next check whether it is idle; null once it is closed. Changes of the cart do not move it, so they stay HOT updates:
  -- a check that comes too early is repeated.
  idle_check_time     timestamptz default now() + interval '1 hour',
  create_time         timestamptz not null default now(),
  update_time         timestamptz not null default now(),
  check ((customer_id is null) = (guest_token_hash is not null)),
  check (state <> 'CHECKING_OUT' or (order_id is not null and customer_id is not null)),
  check (not is_default or (customer_id is not null and state in ('OPEN', 'CHECKING_OUT'))),
  check ((state = 'MERGED') = (merged_into is not null))
) with (fillfactor = 70);                          -- two updates a checkout, HOT except the end of a default cart
create unique index carts_default on carts (customer_id) where is_default;
create index carts_customer on carts (customer_id, create_time desc, id desc);
create index carts_idle_check on carts (idle_check_time) where idle_check_time is not null;

create table cart_lines (
  cart_id          text    not null references carts (id) on delete cascade,
  product_id       text    not null,
  line_number      integer not null,
  quantity         integer not null check (quantity between 1 and 1000000),
  -- As of the last change of the line; a checkout quotes again.
  sku              text    not null,
  title            text    not null,
  currency         char(3) not null,
  unit_price_minor bigint  not null check (unit_price_minor >= 0),
  primary key (cart_id, product_id)
);

create table orders (
  id                  text        primary key,
  customer_id         text        not null,
  cart_id             text,
  fingerprint         bytea       not null,        -- sha256 of the checkout's request
  state               text        not null
                                  check (state in ('PENDING', 'RESERVED', 'AWAITING_PAYMENT', 'PAID', 'SHIPPING',
                                                   'COMPLETED', 'CANCELLING', 'REJECTED', 'CANCELLED', 'EXPIRED')),
  ends_as             text        check (ends_as in ('REJECTED', 'CANCELLED', 'EXPIRED')),
  sequence            integer     not null check (sequence >= 1), -- the sequence of its latest event
  currency            char(3)     not null,
  total_minor         bigint      not null check (total_minor between 0 and 1000000000000000),
  payment_method      text        not null,
  pay_later           boolean     not null,
  payment_attempt     integer     not null default 0 check (payment_attempt between 0 and 20),
  payment_pending     boolean     not null default false,
  decline_reason      text        not null default '',
  shipping_address    jsonb,
  tracking_number     text        not null default '',
  contact_email       text        not null default '',
  outcome_reason      text        not null default '',
  outcome_detail      text        not null default '',
  shortages           jsonb,
  cancel_request_time timestamptz,
  cancel_detail       text        not null default '',
  expire_time         timestamptz,
  refunded_minor      bigint      not null default 0 check (refunded_minor between 0 and total_minor),
  owner_workflow_id   text,                        -- the workflow that runs it now
  create_time         timestamptz not null default now(),
  update_time         timestamptz not null default now(),
  check (state <> 'CANCELLING' or ends_as is not null),
  check (state <> 'COMPLETED' or cancel_request_time is null),
  check (refunded_minor = 0 or state = 'COMPLETED')
) with (fillfactor = 70);                          -- four updates an order, none of an indexed column, so all are HOT
create index orders_customer on orders (customer_id, create_time desc, id desc);
create index orders_time on orders (create_time desc, id desc);
create index orders_cart on orders (cart_id) where cart_id is not null;

create table order_lines (
  order_id         text    not null references orders (id),
  line_number      integer not null,
  product_id       text    not null,
  sku              text    not null,
  title            text    not null,
  quantity         integer not null check (quantity > 0),
  unit_price_minor bigint  not null check (unit_price_minor >= 0),
  primary key (order_id, line_number)
);

create table order_refunds (
  order_id          text        not null references orders (id),
  id                text        not null,
  payment_refund_id uuid        not null unique,   -- its id in the payment service
  fingerprint       bytea       not null,
  amount_minor      bigint      not null check (amount_minor > 0),
  reason            text        not null default '',
  state             text        not null default 'PENDING' check (state in ('PENDING', 'SUCCEEDED', 'FAILED')),
  failure_reason    text        not null default '',
  create_time       timestamptz not null default now(),
  update_time       timestamptz not null default now(),
  primary key (order_id, id)
);

create table incidents (
  id                 uuid        primary key,
  order_id           text        not null references orders (id),
  step               text        not null,
  workflow_id        text        not null,
  error              text        not null,
  attempts           integer     not null,
  state              text        not null default 'OPEN' check (state in ('OPEN', 'RESOLVED')),
  resolution         text        not null default '',
  retry_request_time timestamptz,
  create_time        timestamptz not null default now(),
  update_time        timestamptz not null default now()
);
create unique index incidents_open on incidents (order_id, step) where state = 'OPEN';
create index incidents_time on incidents (create_time desc, id desc);

create table requests (
  scope       text        not null, -- whose request ids they are: mostly a customer's id
  request_id  text        not null,
  method      text        not null,
  fingerprint bytea       not null, -- sha256 of the request
  resource_id text,                 -- the id of what it created
  failure     jsonb,                -- or its error
  create_time timestamptz not null default now(),
  primary key (scope, request_id),
  check (num_nonnulls(resource_id, failure) <= 1)
);
create index requests_create_time on requests (create_time);

-- The events are the history of each order, too.
-- The outbox: services/outbox/src/tables.sql and tracked-commands.sql, which a test compares with these tables.

-- What happened, for the feed: one row an event. The subject is the id of what it happened to.
create table events (
  subject     text        not null,
  sequence    bigint      not null,     -- 1, 2, 3 … for each subject, without gaps
  id          uuid        not null,
  type        text        not null,
  time        timestamptz not null default clock_timestamp(),
  data        jsonb       not null,
  traceparent text,
  primary key (subject, sequence)
);
-- Each transaction notes here which events it appended. Once it is committed, the sequencer gives them the next positions.
create table event_appends (
  number    bigint   generated always as identity primary key,
  subjects  text[]   not null,
  sequences bigint[] not null           -- in the order of the subjects
);
create table event_positions (
  position bigint primary key,
  subject  text   not null,
  sequence bigint not null
);
-- The readers of this feed, by name, and how far each has read.
create table event_consumers (
  name            text        primary key check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  position        bigint      not null check (position >= 0),
  -- How often it was set back. What it read before that can no longer be acknowledged.
  generation      bigint      not null default 0 check (generation >= 0),
  seen_time       timestamptz not null default clock_timestamp(),
  create_time     timestamptz not null default clock_timestamp(),
  replay_time     timestamptz,
  replay_position bigint,
  replay_reason   text        not null default '',
  check ((replay_time is null) = (replay_position is null))
);

-- What the worker is to do. The subject is the id of what it is about.
create table commands (
  id          uuid        primary key,
  kind        text        not null,
  subject     text        not null,
  data        jsonb       not null default '{}',
  -- The members of a batch that was confirmed as a whole count as STARTED too. A command that is done is deleted.
  state       text        not null default 'OPEN' check (state in ('OPEN', 'CLAIMED', 'STARTED')),
  batch_id    uuid,
  deliveries  integer     not null default 0,
  traceparent text,                     -- of the call that recorded it, if that is traced
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now()
);
create index commands_open on commands (kind, create_time, id) where state = 'OPEN';
create index commands_batch on commands (batch_id) where batch_id is not null;
create table command_batches (
  id                uuid        primary key,
  kinds             text[]      not null,
  claimer           text        not null,
  lease_expire_time timestamptz not null,
  state             text        not null default 'CLAIMED' check (state in ('CLAIMED', 'CONFIRMED')),
  create_time       timestamptz not null default now()
);
create index command_batches_leased on command_batches (lease_expire_time) where state = 'CLAIMED';
-- For services with tracked commands, which stay until their subject is done: to find them by subject, and by age.
create index commands_subject on commands (subject);
create index commands_stalled on commands (update_time) where state <> 'OPEN';
