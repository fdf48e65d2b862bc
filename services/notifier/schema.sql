-- Made from migrations/ by the tests: do not edit.

create table contacts (
  customer_id text not null,
  email text not null default ''::text,
  name text not null default ''::text,
  language text not null default 'en'::text,
  update_time timestamp with time zone not null default now(),
  registered_email text not null default ''::text,
  registered_verified boolean not null default false,
  language_chosen boolean not null default false,
  constraint contacts_pkey PRIMARY KEY (customer_id),
  constraint contacts_language_check CHECK ((language = ANY (ARRAY['en'::text, 'de'::text])))
);

create table cursors (
  feed text not null,
  "position" bigint not null default 0,
  generation bigint not null default 0,
  update_time timestamp with time zone not null default now(),
  constraint cursors_pkey PRIMARY KEY (feed)
);

create table erasure_cursors (
  feed text not null,
  "position" bigint not null default 0,
  generation bigint not null default 0,
  update_time timestamp with time zone not null default now(),
  constraint erasure_cursors_pkey PRIMARY KEY (feed)
);

create table erasures (
  customer_id text not null,
  begin_time timestamp with time zone not null default clock_timestamp(),
  done_time timestamp with time zone,
  report_time timestamp with time zone,
  next_try_time timestamp with time zone default clock_timestamp(),
  tries integer not null default 0,
  constraint erasures_pkey PRIMARY KEY (customer_id),
  constraint erasures_check CHECK (((report_time IS NULL) = (next_try_time IS NOT NULL))),
  constraint erasures_check1 CHECK (((report_time IS NULL) OR (done_time IS NOT NULL)))
);

CREATE INDEX erasures_begin ON public.erasures USING btree (begin_time);

CREATE INDEX erasures_next_try ON public.erasures USING btree (next_try_time) WHERE (next_try_time IS NOT NULL);

create table inboxes (
  customer_id text not null,
  sequence bigint not null default 0,
  unread bigint not null default 0,
  constraint inboxes_pkey PRIMARY KEY (customer_id),
  constraint inboxes_unread_check CHECK ((unread >= 0))
);

create table mails (
  id text not null,
  message_id text not null,
  sender text not null,
  recipients text[] not null,
  subject text not null,
  text text not null,
  html text not null,
  unsubscribe text not null,
  receive_time timestamp with time zone not null default now(),
  constraint mails_pkey PRIMARY KEY (id)
);

CREATE INDEX mails_recipients ON public.mails USING gin (recipients);

create table messages (
  id text not null,
  event_id text not null,
  event_type text not null,
  order_id text not null,
  cart_id text not null,
  customer_id text not null,
  channel text not null,
  recipient text not null,
  name text not null,
  language text not null,
  template_version integer not null,
  facts text not null,
  state text not null,
  attempts integer not null default 0,
  last_error text not null default ''::text,
  try_time timestamp with time zone,
  create_time timestamp with time zone not null default now(),
  send_time timestamp with time zone,
  read_time timestamp with time zone,
  delete_time timestamp with time zone,
  inbox_sequence bigint,
  traceparent text,
  constraint messages_event_id_channel_recipient_key UNIQUE (event_id, channel, recipient),
  constraint messages_pkey PRIMARY KEY (id),
  constraint messages_channel_check CHECK ((channel = ANY (ARRAY['EMAIL'::text, 'INBOX'::text]))),
  constraint messages_check CHECK (((state = 'PENDING'::text) = (try_time IS NOT NULL))),
  constraint messages_check1 CHECK (((state = 'SENT'::text) = (send_time IS NOT NULL))),
  constraint messages_check2 CHECK ((((channel = 'INBOX'::text) AND (state = 'SENT'::text)) = (inbox_sequence IS NOT NULL))),
  constraint messages_check3 CHECK (((inbox_sequence IS NOT NULL) OR ((read_time IS NULL) AND (delete_time IS NULL)))),
  constraint messages_recipient_check CHECK ((recipient !~ '[[:cntrl:]]'::text)),
  constraint messages_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'SENT'::text, 'FAILED'::text, 'SUPPRESSED'::text])))
);

CREATE INDEX messages_customer ON public.messages USING btree (customer_id, id);

CREATE UNIQUE INDEX messages_inbox ON public.messages USING btree (customer_id, inbox_sequence) WHERE (inbox_sequence IS NOT NULL);

CREATE INDEX messages_order ON public.messages USING btree (order_id, id);

CREATE INDEX messages_state ON public.messages USING btree (state, id);

CREATE INDEX messages_to_send ON public.messages USING btree (try_time) WHERE (try_time IS NOT NULL);

CREATE INDEX messages_waiting ON public.messages USING btree (order_id) WHERE ((state = 'PENDING'::text) AND (attempts = 0));

CREATE INDEX messages_without_address ON public.messages USING btree (customer_id) WHERE ((channel = 'EMAIL'::text) AND (recipient = ''::text));

create table recipient_mails (
  recipient bytea not null,
  times timestamp with time zone[] not null,
  last_time timestamp with time zone not null,
  constraint recipient_mails_pkey PRIMARY KEY (recipient)
);

CREATE INDEX recipient_mails_last_time ON public.recipient_mails USING btree (last_time);

create table requests (
  scope text not null,
  request_id text not null,
  method text not null,
  fingerprint bytea not null,
  resource_id text,
  failure jsonb,
  create_time timestamp with time zone not null default now(),
  constraint requests_pkey PRIMARY KEY (scope, request_id),
  constraint requests_check CHECK ((num_nonnulls(resource_id, failure) <= 1))
);

CREATE INDEX requests_create_time ON public.requests USING btree (create_time);

create table skipped_events (
  event_id text not null,
  "position" bigint not null,
  type text not null,
  reason text not null,
  data text not null,
  create_time timestamp with time zone not null default now(),
  constraint skipped_events_pkey PRIMARY KEY (event_id)
);

create table templates (
  event_type text not null,
  language text not null,
  version integer not null,
  subject text not null,
  mjml text not null,
  text text not null,
  built_in boolean not null,
  create_time timestamp with time zone not null default now(),
  constraint templates_pkey PRIMARY KEY (event_type, language, version),
  constraint templates_language_check CHECK ((language = ANY (ARRAY['en'::text, 'de'::text]))),
  constraint templates_version_check CHECK ((version > 0))
);

create table turned_off (
  customer_id text not null,
  channel text not null,
  event_type text not null,
  create_time timestamp with time zone not null default now(),
  constraint turned_off_pkey PRIMARY KEY (customer_id, channel, event_type),
  constraint turned_off_channel_check CHECK ((channel = ANY (ARRAY['EMAIL'::text, 'INBOX'::text])))
);

create table webhook_attempts (
  delivery_id text not null,
  number integer not null,
  "time" timestamp with time zone not null,
  status integer not null,
  duration_ms integer not null,
  error text not null,
  answer text not null,
  constraint webhook_attempts_pkey PRIMARY KEY (delivery_id, number),
  constraint webhook_attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES webhook_deliveries(id) ON DELETE CASCADE
);

create table webhook_cursors (
  feed text not null,
  "position" bigint not null default 0,
  generation bigint not null default 0,
  update_time timestamp with time zone not null default now(),
  constraint webhook_cursors_pkey PRIMARY KEY (feed)
);

create table webhook_deliveries (
  id text not null,
  endpoint_id text not null,
  event_id text not null,
  subject text not null,
  "position" bigint not null,
  state text not null default 'PENDING'::text,
  resent boolean not null default false,
  attempts integer not null default 0,
  retries integer not null default 0,
  try_time timestamp with time zone default now(),
  sending boolean not null default false,
  expire_time timestamp with time zone,
  last_error text not null default ''::text,
  create_time timestamp with time zone not null default now(),
  end_time timestamp with time zone,
  constraint webhook_deliveries_event_id_endpoint_id_key UNIQUE (event_id, endpoint_id),
  constraint webhook_deliveries_pkey PRIMARY KEY (id),
  constraint webhook_deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints(id) ON DELETE CASCADE,
  constraint webhook_deliveries_event_id_fkey FOREIGN KEY (event_id) REFERENCES webhook_events(id),
  constraint webhook_deliveries_check CHECK (((state = 'PENDING'::text) = (try_time IS NOT NULL))),
  constraint webhook_deliveries_check1 CHECK (((state = 'PENDING'::text) = (end_time IS NULL))),
  constraint webhook_deliveries_check2 CHECK (((state = 'PENDING'::text) OR (NOT sending))),
  constraint webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'DELIVERED'::text, 'DEAD'::text])))
);

CREATE INDEX webhook_deliveries_due ON public.webhook_deliveries USING btree (endpoint_id, try_time, "position") WHERE (state = 'PENDING'::text);

CREATE INDEX webhook_deliveries_ended ON public.webhook_deliveries USING btree (end_time) WHERE (end_time IS NOT NULL);

CREATE INDEX webhook_deliveries_endpoint ON public.webhook_deliveries USING btree (endpoint_id, id);

CREATE INDEX webhook_deliveries_in_order ON public.webhook_deliveries USING btree (endpoint_id, subject, "position") WHERE ((state = 'PENDING'::text) AND (NOT resent));

CREATE INDEX webhook_deliveries_state ON public.webhook_deliveries USING btree (state, id);

CREATE INDEX webhook_deliveries_subject ON public.webhook_deliveries USING btree (subject, id);

create table webhook_endpoints (
  id text not null,
  url text not null,
  event_types text[] not null,
  description text not null,
  content_mode text not null,
  enabled boolean not null,
  disabled_reason text not null default ''::text,
  version bigint not null default 1,
  circuit text not null default 'CLOSED'::text,
  failures integer not null default 0,
  failing_since timestamp with time zone,
  openings integer not null default 0,
  resume_time timestamp with time zone,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  constraint webhook_endpoints_pkey PRIMARY KEY (id),
  constraint webhook_endpoints_check CHECK (((failures > 0) = (failing_since IS NOT NULL))),
  constraint webhook_endpoints_check1 CHECK (((circuit = 'CLOSED'::text) OR (resume_time IS NOT NULL))),
  constraint webhook_endpoints_circuit_check CHECK ((circuit = ANY (ARRAY['CLOSED'::text, 'OPEN'::text, 'HALF_OPEN'::text]))),
  constraint webhook_endpoints_content_mode_check CHECK ((content_mode = ANY (ARRAY['STRUCTURED'::text, 'BINARY'::text]))),
  constraint webhook_endpoints_event_types_check CHECK (((cardinality(event_types) >= 1) AND (cardinality(event_types) <= 50)))
);

create table webhook_events (
  id text not null,
  source text not null,
  type text not null,
  subject text not null,
  sequence bigint not null,
  "position" bigint not null,
  "time" timestamp with time zone not null,
  data text not null,
  traceparent text not null,
  constraint webhook_events_pkey PRIMARY KEY (id)
);

CREATE INDEX webhook_events_customer ON public.webhook_events USING btree ((
CASE
    WHEN (data IS JSON OBJECT) THEN ((data)::jsonb ->> 'customerId'::text)
    ELSE NULL::text
END));

CREATE INDEX webhook_events_time ON public.webhook_events USING btree ("time");

create table webhook_secrets (
  id text not null,
  endpoint_id text not null,
  secret text not null,
  create_time timestamp with time zone not null default now(),
  expire_time timestamp with time zone,
  constraint webhook_secrets_pkey PRIMARY KEY (id),
  constraint webhook_secrets_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints(id) ON DELETE CASCADE
);

CREATE INDEX webhook_secrets_endpoint ON public.webhook_secrets USING btree (endpoint_id);

CREATE UNIQUE INDEX webhook_secrets_present ON public.webhook_secrets USING btree (endpoint_id) WHERE (expire_time IS NULL);

CREATE OR REPLACE FUNCTION public.keep_update_time()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.update_time := new.create_time;
  return new;
end $function$
;

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.webhook_endpoints FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();
