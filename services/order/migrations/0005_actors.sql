-- Who acted by hand, and why in the shop's own words. `cancel_detail` stays what the customer said or is told: processes of
-- an earlier version show it to the customer.
alter table orders
  add column cancel_actor_kind text check (cancel_actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column cancel_actor_id text,
  add column cancel_internal_reason text not null default '';
alter table order_refunds
  add column actor_kind text check (actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column actor_id text,
  add column public_reason text not null default '';
alter table incidents
  add column retry_actor_kind text check (retry_actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column retry_actor_id text,
  add column resolve_actor_kind text check (resolve_actor_kind in ('CUSTOMER', 'OPERATOR', 'SYSTEM')),
  add column resolve_actor_id text;
