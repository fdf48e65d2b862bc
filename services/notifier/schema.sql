-- Made from migrations/ by the tests: do not edit.

create table contacts (
  customer_id text not null,
  email text not null,
  name text not null,
  update_time timestamp with time zone not null default now(),
  constraint contacts_pkey PRIMARY KEY (customer_id)
);

create table cursors (
  feed text not null,
  "position" bigint not null default 0,
  update_time timestamp with time zone not null default now(),
  constraint cursors_pkey PRIMARY KEY (feed)
);

create table mails (
  id text not null,
  message_id text not null,
  sender text not null,
  recipients text[] not null,
  subject text not null,
  text text not null,
  receive_time timestamp with time zone not null default now(),
  constraint mails_pkey PRIMARY KEY (id)
);

CREATE INDEX mails_recipients ON public.mails USING gin (recipients);

create table messages (
  id text not null,
  event_id text not null,
  event_type text not null,
  order_id text not null,
  customer_id text not null,
  channel text not null,
  recipient text not null,
  subject text not null,
  text text not null,
  state text not null default 'PENDING'::text,
  attempts integer not null default 0,
  last_error text not null default ''::text,
  try_time timestamp with time zone default now(),
  create_time timestamp with time zone not null default now(),
  send_time timestamp with time zone,
  constraint messages_event_id_channel_recipient_key UNIQUE (event_id, channel, recipient),
  constraint messages_pkey PRIMARY KEY (id),
  constraint messages_channel_check CHECK ((channel = 'EMAIL'::text)),
  constraint messages_check CHECK (((state = 'PENDING'::text) = (try_time IS NOT NULL))),
  constraint messages_check1 CHECK (((state = 'SENT'::text) = (send_time IS NOT NULL))),
  constraint messages_recipient_check CHECK ((recipient !~ '[[:cntrl:]]'::text)),
  constraint messages_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'SENT'::text, 'FAILED'::text]))),
  constraint messages_subject_check CHECK ((subject !~ '[[:cntrl:]]'::text))
);

CREATE INDEX messages_customer ON public.messages USING btree (customer_id, id);

CREATE INDEX messages_order ON public.messages USING btree (order_id, id);

CREATE INDEX messages_state ON public.messages USING btree (state, id);

CREATE INDEX messages_to_send ON public.messages USING btree (try_time) WHERE (try_time IS NOT NULL);

create table skipped_events (
  event_id text not null,
  "position" bigint not null,
  type text not null,
  reason text not null,
  data text not null,
  create_time timestamp with time zone not null default now(),
  constraint skipped_events_pkey PRIMARY KEY (event_id)
);
