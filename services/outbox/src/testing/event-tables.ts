/** The tables of a feed, as the migrations of each service with events make them: for a feed in a bare database. */
export const eventTables = `
  create table events (
    subject text not null, sequence bigint not null, id uuid not null, type text not null,
    time timestamptz not null default clock_timestamp(), data jsonb not null, traceparent text,
    primary key (subject, sequence));
  create table event_appends (
    number bigint generated always as identity primary key, subjects text[] not null, sequences bigint[] not null);
  create table event_positions (position bigint primary key, subject text not null, sequence bigint not null);
  create table event_consumers (
    name text primary key, position bigint not null, generation bigint not null default 0,
    seen_time timestamptz not null default clock_timestamp(),
    create_time timestamptz not null default clock_timestamp(),
    replay_time timestamptz, replay_position bigint, replay_reason text not null default '')`;
