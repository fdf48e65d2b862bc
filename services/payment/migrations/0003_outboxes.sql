-- The outboxes: what happened, for whoever reads the feed, and what the worker is to do.
create table events (
  subject     text        not null,
  sequence    bigint      not null,      -- dense per subject: 1, 2, 3 …
  id          uuid        not null,
  type        text        not null,
  time        timestamptz not null default clock_timestamp(),
  data        jsonb       not null,
  traceparent text,
  primary key (subject, sequence)
);
-- The feed: the sequencer takes what transactions appended, once they are committed, and gives it the next positions.
create table event_appends (
  number    bigint   generated always as identity primary key,
  subjects  text[]   not null,
  sequences bigint[] not null            -- beside the subjects
);
create table event_positions (
  position bigint primary key,
  subject  text   not null,
  sequence bigint not null
);
create table commands (
  id          uuid        primary key,
  kind        text        not null,
  order_id    text        not null,
  data        jsonb       not null default '{}',
  state       text        not null default 'OPEN' check (state in ('OPEN', 'CLAIMED', 'STARTED')), -- done: deleted
  batch_id    uuid,
  deliveries  integer     not null default 0,
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now()
);
create index commands_open on commands (kind, create_time, id) where state = 'OPEN';
create index commands_batch on commands (batch_id) where batch_id is not null;
create index commands_stalled on commands (update_time) where state = 'STARTED';
create index commands_order on commands (order_id);
create table command_batches (
  id                uuid        primary key,
  kinds             text[]      not null,
  claimer           text        not null,
  lease_expire_time timestamptz not null,
  state             text        not null default 'CLAIMED' check (state in ('CLAIMED', 'CONFIRMED')),
  create_time       timestamptz not null default now()
);
create index command_batches_leased on command_batches (lease_expire_time) where state = 'CLAIMED';
