create table contacts (
  customer_id text        primary key,
  -- Empty where nobody has said.
  email       text        not null default '',
  name        text        not null default '',
  language    text        not null default 'en' check (language in ('en', 'de')),
  update_time timestamptz not null default now()
);
-- What customers turned off. What is not here is on.
create table turned_off (
  customer_id text        not null,
  channel     text        not null check (channel in ('EMAIL', 'INBOX')),
  event_type  text        not null,
  create_time timestamptz not null default now(),
  primary key (customer_id, channel, event_type)
);
-- Versions are never changed or deleted: messages are written out by the one they were made with.
create table templates (
  event_type  text        not null,
  language    text        not null check (language in ('en', 'de')),
  version     integer     not null check (version > 0),
  subject     text        not null,
  mjml        text        not null,
  text        text        not null,
  built_in    boolean     not null,
  create_time timestamptz not null default now(),
  primary key (event_type, language, version)
);
-- How far each feed has been read: every event up to there has its messages.
create table cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  update_time timestamptz not null default now()
);
insert into cursors (feed) values ('order');
-- The row of an inbox is locked by whoever changes one of its messages, which numbers the changes as they commit.
create table inboxes (
  customer_id text   primary key,
  sequence    bigint not null default 0,
  unread      bigint not null default 0 check (unread >= 0)
);
create table messages (
  id               text        primary key,
  event_id         text        not null,
  event_type       text        not null,
  -- Empty where it is about the other of the two.
  order_id         text        not null,
  cart_id          text        not null,
  customer_id      text        not null,
  channel          text        not null check (channel in ('EMAIL', 'INBOX')),
  -- An e-mail address; in the inbox the customer's id.
  recipient        text        not null check (recipient !~ '[[:cntrl:]]'),
  name             text        not null,
  language         text        not null,
  template_version integer     not null,
  -- What happened, as JSON: the message is written out by the template when it is sent or looked at.
  facts            text        not null,
  state            text        not null check (state in ('PENDING', 'SENT', 'FAILED', 'SUPPRESSED')),
  attempts         integer     not null default 0,
  last_error       text        not null default '',
  -- When it is tried (again); while it is being tried, when it is given to somebody else.
  try_time         timestamptz,
  create_time      timestamptz not null default now(),
  send_time        timestamptz,
  -- Of the inbox: when its customer read or deleted it, and the number of its newest change.
  read_time        timestamptz,
  delete_time      timestamptz,
  inbox_sequence   bigint,
  -- An event that is delivered twice makes one message.
  unique (event_id, channel, recipient),
  check ((state = 'PENDING') = (try_time is not null)),
  check ((state = 'SENT') = (send_time is not null)),
  check ((channel = 'INBOX' and state = 'SENT') = (inbox_sequence is not null)),
  check (inbox_sequence is not null or (read_time is null and delete_time is null))
);
create index messages_to_send on messages (try_time) where try_time is not null;
create index messages_customer on messages (customer_id, id);
create index messages_order on messages (order_id, id);
create index messages_state on messages (state, id);
create unique index messages_inbox on messages (customer_id, inbox_sequence) where inbox_sequence is not null;
-- Those that later events of their order may overtake.
create index messages_waiting on messages (order_id) where state = 'PENDING' and attempts = 0;
-- Events that could not be understood: they must not stop the feed.
create table skipped_events (
  event_id    text        primary key,
  position    bigint      not null,
  type        text        not null,
  reason      text        not null,
  data        text        not null,
  create_time timestamptz not null default now()
);
