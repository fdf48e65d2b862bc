create table shipments (
  order_id        text        primary key check (length(order_id) between 1 and 63),
  -- Empty, as the kind is, where the shipment was cancelled before it came.
  customer_id     text        not null default '',
  kind            text        check (kind in ('CARRIER', 'PICKUP')),
  state           text        not null check (state in ('PENDING', 'ACCEPTED', 'REFUSED', 'CANCELLED')),
  address         jsonb,
  tracking_number text        not null default '',
  refusal_reason  text        not null default '',
  -- The sequence of its last event.
  event_sequence  bigint      not null,
  -- Somebody was told to wait: who settles it then has to record a command.
  awaited         boolean     not null default false,
  -- When the carrier is to be asked (again), and how often it was.
  ask_time        timestamptz,
  asks            integer     not null default 0,
  -- When the carrier is to be told (again) that it is cancelled, and how often it was.
  recall_time     timestamptz,
  recalls         integer     not null default 0,
  create_time     timestamptz not null default now(),
  update_time     timestamptz not null default now(),
  check (kind is not null or state = 'CANCELLED'),
  check ((kind = 'CARRIER') = (address is not null)),
  check ((state = 'REFUSED') = (refusal_reason <> '')),
  -- Nothing that waits is forgotten: what is PENDING has a time at which the carrier is asked.
  check ((state = 'PENDING') = (ask_time is not null)),
  check (recall_time is null or state = 'CANCELLED')
);
create index shipments_newest on shipments (create_time, order_id);
create index shipments_customer on shipments (customer_id, create_time, order_id);
create index shipments_to_ask on shipments (ask_time) where ask_time is not null;
create index shipments_to_recall on shipments (recall_time) where recall_time is not null;
