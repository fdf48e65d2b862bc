-- How far the feed of orders has been read for the delivery log, and how often that was set back.
create table cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  generation  bigint      not null default 0,
  update_time timestamptz not null default now()
);
insert into cursors (feed) values ('order');
-- Completed orders, as those who deliver heard of them: one row an order, however often its event comes.
create table delivery_log (
  order_id        text        primary key,
  event_id        text        not null,
  customer_id     text        not null,
  tracking_number text        not null,
  complete_time   timestamptz not null,
  log_time        timestamptz not null default clock_timestamp()
);
create index delivery_log_time on delivery_log (log_time);
