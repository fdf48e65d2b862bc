-- Answers to requests that make something, kept for those who ask again.
create table requests (
  scope       text        not null, -- whose ids they are
  request_id  text        not null,
  method      text        not null,
  fingerprint bytea       not null, -- sha256 of what was asked
  resource_id text,                 -- what was made
  failure     jsonb,                -- or why not
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
  -- Shared by all processes that send.
  circuit         text        not null default 'CLOSED' check (circuit in ('CLOSED', 'OPEN', 'HALF_OPEN')),
  failures        integer     not null default 0, -- requests in a row
  failing_since   timestamptz,
  openings        integer     not null default 0, -- of the circuit, in a row: they lengthen its pause
  -- Nothing is sent before; null: at once. With the circuit HALF_OPEN, when its one request is given up for lost.
  resume_time     timestamptz,
  create_time     timestamptz not null default now(),
  update_time     timestamptz not null default now(),
  check ((failures > 0) = (failing_since is not null)),
  check (circuit = 'CLOSED' or resume_time is not null)
);

-- Each request is signed with all that have not expired. One of an endpoint, the newest, has no end.
create table webhook_secrets (
  id          text        primary key,
  endpoint_id text        not null references webhook_endpoints on delete cascade,
  secret      text        not null,
  create_time timestamptz not null default now(),
  expire_time timestamptz
);
create unique index webhook_secrets_present on webhook_secrets (endpoint_id) where expire_time is null;
create index webhook_secrets_endpoint on webhook_secrets (endpoint_id);

-- How far each feed has been read: every event up to there has its deliveries.
create table webhook_cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  generation  bigint      not null default 0, -- how often the feed set us back
  update_time timestamptz not null default now()
);
insert into webhook_cursors (feed) values ('order');

-- Events that some endpoint is to get.
create table webhook_events (
  id          text        primary key,
  source      text        not null,
  type        text        not null,
  subject     text        not null,
  sequence    bigint      not null,
  position    bigint      not null,
  time        timestamptz not null,
  data        text        not null, -- JSON, to the byte as it was read
  traceparent text        not null
);
create index webhook_events_time on webhook_events (time);

create table webhook_deliveries (
  id          text        primary key,
  endpoint_id text        not null references webhook_endpoints on delete cascade,
  event_id    text        not null references webhook_events,
  subject     text        not null, -- as the event has it, for the order of deliveries
  position    bigint      not null,
  state       text        not null default 'PENDING' check (state in ('PENDING', 'DELIVERED', 'DEAD')),
  -- DEAD once and sent again: it neither waits for the subject's earlier events nor holds back later ones.
  resent      boolean     not null default false,
  attempts    integer     not null default 0,
  retries     integer     not null default 0, -- of attempts, those since it was made or sent again: they set the pause
  -- When it is tried (again); while it is being sent, when it is given to somebody else.
  try_time    timestamptz default now(),
  sending     boolean     not null default false,
  expire_time timestamptz, -- when it is given up: set by the first try
  last_error  text        not null default '',
  create_time timestamptz not null default now(),
  end_time    timestamptz,
  -- An event that is read twice is delivered once, as far as we can say.
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
  answer      text        not null, -- how it begins
  primary key (delivery_id, number)
);
