-- Webhooks that could not be applied in many tries wait for a change of what they are about, or for an operator.
alter table webhooks
  add column park_time timestamptz,           -- when it was given up; next_try_time is null then
  add column error text not null default '',  -- of the last try
  add column actor_kind text check (actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')), -- who tried again or dismissed it
  add column actor_id text;
create index webhooks_parked on webhooks (provider, id) where park_time is not null;
