-- Refunds that were not asked for at the order have ids of the payment service, which need not be UUIDs.
alter table order_refunds
  alter column payment_refund_id type text,
  add column source text not null default 'ORDER' check (source in ('ORDER', 'PAYMENT', 'PROVIDER')),
  add column at_most boolean not null default false;

-- Money may come back in any state, and the payment service sees to it that it is never more than was captured.
alter table orders drop constraint orders_check, drop constraint orders_check3;
alter table orders add constraint orders_refunded_check check (refunded_minor >= 0) not valid;

-- The disputes of its payment, oldest first, as JSON beside the order: hardly any order has one, and each load of an order
-- shows them.
alter table orders add column disputes jsonb;

-- The position in the payment service's feed.
create table cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  generation  bigint      not null default 0, -- how often the feed set it back
  update_time timestamptz not null default now()
);
insert into cursors (feed) values ('payment');
