-- The table of a webhook inbox, as the migrations of each service with one make it.

create table webhooks (
  provider      text        not null,
  id            text        not null,                 -- the provider's: an event that comes twice is applied once
  body          bytea       not null,
  tries         integer     not null default 0,
  next_try_time timestamptz default now(),            -- null: applied, parked or dismissed
  receive_time  timestamptz not null default now(),
  park_time     timestamptz,                          -- when it was given up, until it is tried again or dismissed
  error         text        not null default '',      -- of the last try of one that was parked
  actor_kind    text        check (actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')), -- who tried again or dismissed it
  actor_id      text,
  primary key (provider, id)
);
create index webhooks_parked on webhooks (provider, id) where park_time is not null;
create index webhooks_to_apply on webhooks (next_try_time) where next_try_time is not null;
