create table contacts (
  customer_id text        primary key,
  email       text        not null,
  name        text        not null,
  update_time timestamptz not null default now()
);
-- How far each feed has been read: every event up to there has its messages.
create table cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  update_time timestamptz not null default now()
);
insert into cursors (feed) values ('order');
create table messages (
  id          text        primary key,
  event_id    text        not null,
  event_type  text        not null,
  order_id    text        not null,
  customer_id text        not null,
  channel     text        not null check (channel in ('EMAIL')),
  recipient   text        not null check (recipient !~ '[[:cntrl:]]'),
  subject     text        not null check (subject !~ '[[:cntrl:]]'),
  text        text        not null,
  state       text        not null default 'PENDING' check (state in ('PENDING', 'SENT', 'FAILED')),
  attempts    integer     not null default 0,
  last_error  text        not null default '',
  -- When it is tried (again); while it is being tried, when it is given to somebody else.
  try_time    timestamptz default now(),
  create_time timestamptz not null default now(),
  send_time   timestamptz,
  -- An event that is delivered twice makes one message.
  unique (event_id, channel, recipient),
  check ((state = 'PENDING') = (try_time is not null)),
  check ((state = 'SENT') = (send_time is not null))
);
create index messages_to_send on messages (try_time) where try_time is not null;
create index messages_customer on messages (customer_id, id);
create index messages_order on messages (order_id, id);
create index messages_state on messages (state, id);
-- Events that could not be understood: they must not stop the feed.
create table skipped_events (
  event_id    text        primary key,
  position    bigint      not null,
  type        text        not null,
  reason      text        not null,
  data        text        not null,
  create_time timestamptz not null default now()
);
