-- Who acted by hand; null for what orders do.
alter table journal_entries
  add column actor_kind text check (actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column actor_id text;
alter table payments
  add column actor_kind text check (actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column actor_id text;
alter table refunds
  add column actor_kind text check (actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column actor_id text;
