-- Who checked out, and who requested the newest attempt to pay an order that is paid later.
alter table orders
  add column place_actor_kind text check (place_actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column place_actor_id text,
  add column pay_actor_kind text check (pay_actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column pay_actor_id text;
