-- The address whose owner has proven to receive its mail. It counts as long as it is the user's: a change of `email` by a
-- process that does not know this column leaves the new address unverified.
alter table users add column verified_email text not null default '';

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
