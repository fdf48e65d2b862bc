-- The ledger. Money moves by journal entries only, whose postings sum to zero per currency. Entries and postings are never
-- changed. Positive amounts increase an account: a customer's balance, the shop's sales.

create table accounts (
  id          bigint      primary key generated always as identity,
  kind        text        not null check (kind in ('CUSTOMER', 'SYSTEM')),
  customer_id text,                 -- a customer's account
  name        text,                 -- a system account: cash:deposits, sales, card:clearing, adjustments
  currency    char(3)     not null check (currency ~ '^[A-Z]{3}$'),
  -- The sum of its postings. System accounts have none: each charge posts to them, and they would be hot rows.
  balance     bigint      check (balance >= 0),
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now(),
  unique (customer_id, currency),
  unique (name, currency),
  check (num_nulls(customer_id, balance) = case kind when 'CUSTOMER' then 0 else 2 end),
  check (num_nulls(name) = case kind when 'CUSTOMER' then 1 else 0 end)
);

create table journal_entries (
  id          uuid        primary key,
  kind        text        not null,
  reference   text        not null,
  create_time timestamptz not null default now()
);

-- No foreign keys: checking each row cost about as much as writing it. entries_balance() checks a whole statement at once,
-- and the referenced rows can be neither deleted nor changed.
create table postings (
  entry_id     uuid     not null,
  line         smallint not null,
  account_id   bigint   not null,
  currency     char(3)  not null,
  amount_minor bigint   not null check (amount_minor <> 0),
  primary key (entry_id, line)
);
create index postings_account on postings (account_id, entry_id, line);

-- The postings of each statement sum to zero for each entry and currency, so all postings of an entry do.
create function entries_balance() returns trigger language plpgsql as $$
declare
  entry uuid;
begin
  select entry_id into entry from added group by entry_id, currency having sum(amount_minor) <> 0 limit 1;
  if found then
    raise exception 'the postings of journal entry % do not sum to zero', entry using errcode = 'check_violation';
  end if;
  select entry_id into entry from added
  where not exists (select from journal_entries where id = entry_id) limit 1;
  if found then
    raise exception 'there is no journal entry %', entry using errcode = 'foreign_key_violation';
  end if;
  select entry_id into entry from added
  where not exists (select from accounts where id = account_id and accounts.currency = added.currency) limit 1;
  if found then
    raise exception 'journal entry % has a posting for an account that is not there or in another currency', entry
      using errcode = 'foreign_key_violation';
  end if;
  return null;
end $$;
create trigger entries_balance after insert on postings referencing new table as added
  for each statement execute function entries_balance();

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the ledger is only added to: % of % is refused', lower(tg_op), tg_table_name
    using errcode = 'restrict_violation', hint = 'post a journal entry that reverses it';
end $$;
create trigger immutable before update or delete or truncate on journal_entries
  for each statement execute function refuse_change();
create trigger immutable before update or delete or truncate on postings
  for each statement execute function refuse_change();
create trigger immutable before delete or truncate or update of id, kind, customer_id, name, currency on accounts
  for each statement execute function refuse_change();

create table payments (
  id                 uuid        primary key,
  kind               text        not null check (kind in ('ORDER', 'MANUAL')),
  order_id           text,
  attempt            int         check (attempt between 1 and 20),
  -- Null in the tombstone of an attempt that was voided before its charge arrived.
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
  -- The number of callers told to wait, and of retries. If not 0, settling it records a command.
  asks               int         not null default 0,
  next_ask_time      timestamptz,                     -- null: the provider need not be asked again
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
  -- Only captured payments charge: one that is captured too late is refunded in the transaction that records it.
  check (state = 'CAPTURED' or refunded_minor = captured_minor),
  check (state <> 'PENDING' or next_ask_time is not null)
);
-- At most one attempt of an order is, or may still be, charged.
create unique index payments_live on payments (order_id) where state in ('PENDING', 'CAPTURED');
create index payments_customer on payments (customer_id, id);
create index payments_to_ask on payments (next_ask_time) where next_ask_time is not null;

create table refunds (
  id             text        primary key,
  place          uuid        not null unique, -- a UUIDv7, which sorts lists by time
  payment_id     uuid        not null references payments,
  amount_minor   bigint      not null check (amount_minor > 0),
  reason         text        not null default '',
  state          text        not null check (state in ('PENDING', 'SUCCEEDED', 'FAILED')),
  failure_reason text        not null default '',
  refusals       int         not null default 0, -- how often the provider refused a refund that must succeed
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
