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
