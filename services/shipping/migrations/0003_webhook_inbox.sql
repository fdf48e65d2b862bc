create table webhook_inbox (
  provider     text        not null,
  event_id     text        not null,      -- the provider's: what comes twice is taken in once
  order_id     text        not null,
  body         bytea       not null,
  receive_time timestamptz not null default now(),
  process_time timestamptz,
  primary key (provider, event_id)
);
create index webhook_inbox_unprocessed on webhook_inbox (order_id) where process_time is null;
