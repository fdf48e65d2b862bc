-- The table of a webhook inbox, as the migrations of each service with one make it.

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
