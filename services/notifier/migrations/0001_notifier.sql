create table contacts (
  customer_id text        primary key,
  -- Empty if unknown.
  email       text        not null default '',
  name        text        not null default '',
  language    text        not null default 'en' check (language in ('en', 'de')),
  update_time timestamptz not null default now()
);
-- The notifications that customers turned off. All others are on.
create table turned_off (
  customer_id text        not null,
  channel     text        not null check (channel in ('EMAIL', 'INBOX')),
  event_type  text        not null,
  create_time timestamptz not null default now(),
  primary key (customer_id, channel, event_type)
);
-- Versions are never changed or deleted: a message is rendered by the version that it was created with.
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
-- The position in each feed: the messages of all events up to it exist.
create table cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  generation  bigint      not null default 0, -- how often the feed set it back
  update_time timestamptz not null default now()
);
insert into cursors (feed) values ('order');
-- Changing a message of an inbox locks the inbox's row, so that changes are numbered in the order of their commits.
create table inboxes (
  customer_id text   primary key,
  sequence    bigint not null default 0,
  unread      bigint not null default 0 check (unread >= 0)
);
create table messages (
  id               text        primary key,
  event_id         text        not null,
  event_type       text        not null,
  -- One of the two is empty: the message is about the other.
  order_id         text        not null,
  cart_id          text        not null,
  customer_id      text        not null,
  channel          text        not null check (channel in ('EMAIL', 'INBOX')),
  -- An e-mail address; in the inbox the customer's id.
  recipient        text        not null check (recipient !~ '[[:cntrl:]]'),
  name             text        not null,
  language         text        not null,
  template_version integer     not null,
  -- The facts of the event, as JSON: the template renders them when the message is sent or read.
  facts            text        not null,
  state            text        not null check (state in ('PENDING', 'SENT', 'FAILED', 'SUPPRESSED')),
  attempts         integer     not null default 0,
  last_error       text        not null default '',
  -- The time of the next attempt; during an attempt, the time at which another process may take over.
  try_time         timestamptz,
  create_time      timestamptz not null default now(),
  send_time        timestamptz,
  -- In the inbox: when its customer read or deleted it, and the number of its latest change.
  read_time        timestamptz,
  delete_time      timestamptz,
  inbox_sequence   bigint,
  -- An event that is read twice makes one message.
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
-- Messages that later events of their order may supersede.
create index messages_waiting on messages (order_id) where state = 'PENDING' and attempts = 0;
-- Events that could not be read, and must not stop the feed.
create table skipped_events (
  event_id    text        primary key,
  position    bigint      not null,
  type        text        not null,
  reason      text        not null,
  data        text        not null,
  create_time timestamptz not null default now()
);

-- The mailbox on a laptop. Empty if mail is really sent.
create table mails (
  id           text        primary key,
  message_id   text        not null,
  sender       text        not null,
  recipients   text[]      not null,
  subject      text        not null,
  text         text        not null,
  html         text        not null,
  -- The header List-Unsubscribe, which mail programs offer as a button.
  unsubscribe  text        not null,
  receive_time timestamptz not null default now()
);
create index mails_recipients on mails using gin (recipients);

-- The outcomes of requests that create something, for repeats.
create table requests (
  scope       text        not null, -- whose request ids they are
  request_id  text        not null,
  method      text        not null,
  fingerprint bytea       not null, -- sha256 of the request
  resource_id text,                 -- the id of what it created
  failure     jsonb,                -- or its error
  create_time timestamptz not null default now(),
  primary key (scope, request_id),
  check (num_nonnulls(resource_id, failure) <= 1)
);
create index requests_create_time on requests (create_time);

create table webhook_endpoints (
  id              text        primary key,
  url             text        not null,
  event_types     text[]      not null check (cardinality(event_types) between 1 and 50),
  description     text        not null,
  content_mode    text        not null check (content_mode in ('STRUCTURED', 'BINARY')),
  enabled         boolean     not null,
  disabled_reason text        not null default '',
  version         bigint      not null default 1,
  -- The circuit breaker, shared by all sending processes.
  circuit         text        not null default 'CLOSED' check (circuit in ('CLOSED', 'OPEN', 'HALF_OPEN')),
  failures        integer     not null default 0, -- consecutive failed requests
  failing_since   timestamptz,
  openings        integer     not null default 0, -- consecutive openings of the circuit, which lengthen its pause
  -- Nothing is sent before; null: at once. With the circuit HALF_OPEN, when its one request counts as lost.
  resume_time     timestamptz,
  create_time     timestamptz not null default now(),
  update_time     timestamptz not null default now(),
  check ((failures > 0) = (failing_since is not null)),
  check (circuit = 'CLOSED' or resume_time is not null)
);

-- Requests are signed with all secrets that have not expired. The newest one of an endpoint does not expire.
create table webhook_secrets (
  id          text        primary key,
  endpoint_id text        not null references webhook_endpoints on delete cascade,
  secret      text        not null,
  create_time timestamptz not null default now(),
  expire_time timestamptz
);
create unique index webhook_secrets_present on webhook_secrets (endpoint_id) where expire_time is null;
create index webhook_secrets_endpoint on webhook_secrets (endpoint_id);

-- The position in each feed: the deliveries of all events up to it exist.
create table webhook_cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  generation  bigint      not null default 0, -- how often the feed set it back
  update_time timestamptz not null default now()
);
insert into webhook_cursors (feed) values ('order');

-- Events with deliveries.
create table webhook_events (
  id          text        primary key,
  source      text        not null,
  type        text        not null,
  subject     text        not null,
  sequence    bigint      not null,
  position    bigint      not null,
  time        timestamptz not null,
  data        text        not null, -- JSON, byte for byte as it was read
  traceparent text        not null
);
create index webhook_events_time on webhook_events (time);

create table webhook_deliveries (
  id          text        primary key,
  endpoint_id text        not null references webhook_endpoints on delete cascade,
  event_id    text        not null references webhook_events,
  subject     text        not null, -- the event's subject, for the order of deliveries
  position    bigint      not null,
  state       text        not null default 'PENDING' check (state in ('PENDING', 'DELIVERED', 'DEAD')),
  -- Sent again after it was DEAD: it neither waits for the subject's earlier events nor holds back later ones.
  resent      boolean     not null default false,
  attempts    integer     not null default 0,
  retries     integer     not null default 0, -- attempts since it was created or sent again, which set the pause
  -- The time of the next attempt; during an attempt, the time at which another process may take over.
  try_time    timestamptz default now(),
  sending     boolean     not null default false,
  expire_time timestamptz, -- when it becomes DEAD: set by the first attempt
  last_error  text        not null default '',
  create_time timestamptz not null default now(),
  end_time    timestamptz,
  -- An event that is read twice has one delivery.
  unique (event_id, endpoint_id),
  check ((state = 'PENDING') = (try_time is not null)),
  check ((state = 'PENDING') = (end_time is null)),
  check (state = 'PENDING' or not sending)
);
create index webhook_deliveries_due on webhook_deliveries (endpoint_id, try_time, position) where state = 'PENDING';
create index webhook_deliveries_in_order on webhook_deliveries (endpoint_id, subject, position)
  where state = 'PENDING' and not resent;
create index webhook_deliveries_endpoint on webhook_deliveries (endpoint_id, id);
create index webhook_deliveries_subject on webhook_deliveries (subject, id);
create index webhook_deliveries_state on webhook_deliveries (state, id);
create index webhook_deliveries_ended on webhook_deliveries (end_time) where end_time is not null;

create table webhook_attempts (
  delivery_id text        not null references webhook_deliveries on delete cascade,
  number      integer     not null,
  time        timestamptz not null,
  status      integer     not null, -- 0: no answer
  duration_ms integer     not null,
  error       text        not null,
  answer      text        not null, -- the beginning of the response
  primary key (delivery_id, number)
);
