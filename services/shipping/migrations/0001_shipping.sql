create table shipments (
  order_id        text        primary key check (length(order_id) between 1 and 63),
  -- Empty, and the kind null, if the shipment was cancelled before it was created.
  customer_id     text        not null default '',
  kind            text        check (kind in ('CARRIER', 'PICKUP')),
  state           text        not null check (state in ('PENDING', 'ACCEPTED', 'REFUSED', 'CANCELLED')),
  address         jsonb,
  tracking_number text        not null default '',
  refusal_reason  text        not null default '',
  -- The sequence of its latest event.
  event_sequence  bigint      not null,
  -- A caller was told to wait: settling it must record a command.
  awaited         boolean     not null default false,
  -- When the shipping company is asked (again), and how often it was.
  ask_time        timestamptz,
  asks            integer     not null default 0,
  -- When the cancellation is sent (again) to the shipping company, and how often it was.
  recall_time     timestamptz,
  recalls         integer     not null default 0,
  create_time     timestamptz not null default now(),
  update_time     timestamptz not null default now(),
  check (kind is not null or state = 'CANCELLED'),
  check ((kind = 'CARRIER') = (address is not null)),
  check ((state = 'REFUSED') = (refusal_reason <> '')),
  -- No pending shipment is forgotten: it has a time at which the shipping company is asked.
  check ((state = 'PENDING') = (ask_time is not null)),
  check (recall_time is null or state = 'CANCELLED')
);
create index shipments_newest on shipments (create_time, order_id);
create index shipments_customer on shipments (customer_id, create_time, order_id);
create index shipments_to_ask on shipments (ask_time) where ask_time is not null;
create index shipments_to_recall on shipments (recall_time) where recall_time is not null;

-- What the carrier sent: stored before it is acknowledged.
create table webhooks (
  provider      text        not null,
  id            text        not null,                 -- the provider's: an event that comes twice is applied once
  body          bytea       not null,
  tries         integer     not null default 0,
  next_try_time timestamptz default now(),            -- null: applied
  receive_time  timestamptz not null default now(),
  primary key (provider, id)
);
create index webhooks_to_apply on webhooks (next_try_time) where next_try_time is not null;

-- The position of the delivery log in the feed of orders, and how often it was set back.
create table cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  generation  bigint      not null default 0,
  update_time timestamptz not null default now()
);
insert into cursors (feed) values ('order');
-- Completed orders, for the people who deliver: one row an order, however often its event comes.
create table delivery_log (
  order_id        text        primary key,
  event_id        text        not null,
  customer_id     text        not null,
  tracking_number text        not null,
  complete_time   timestamptz not null,
  log_time        timestamptz not null default clock_timestamp()
);

-- The outbox: services/outbox/src/tables.sql, which a test compares with these tables.

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
