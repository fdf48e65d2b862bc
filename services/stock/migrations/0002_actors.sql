-- Who acted by hand; null for what orders do.
alter table movements
  add column actor_kind text check (actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column actor_id text;
alter table reservations
  add column actor_kind text check (actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column actor_id text;
