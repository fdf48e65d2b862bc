-- Made from migrations/ by the tests: do not edit.

create table command_batches (
  id uuid not null,
  kinds text[] not null,
  claimer text not null,
  lease_expire_time timestamp with time zone not null,
  state text not null default 'CLAIMED'::text,
  create_time timestamp with time zone not null default now(),
  constraint command_batches_pkey PRIMARY KEY (id),
  constraint command_batches_state_check CHECK ((state = ANY (ARRAY['CLAIMED'::text, 'CONFIRMED'::text])))
);

CREATE INDEX command_batches_leased ON public.command_batches USING btree (lease_expire_time) WHERE (state = 'CLAIMED'::text);

create table commands (
  id uuid not null,
  kind text not null,
  subject text not null,
  data jsonb not null default '{}'::jsonb,
  state text not null default 'OPEN'::text,
  batch_id uuid,
  deliveries integer not null default 0,
  traceparent text,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  constraint commands_pkey PRIMARY KEY (id),
  constraint commands_state_check CHECK ((state = ANY (ARRAY['OPEN'::text, 'CLAIMED'::text, 'STARTED'::text])))
);

CREATE INDEX commands_batch ON public.commands USING btree (batch_id) WHERE (batch_id IS NOT NULL);

CREATE INDEX commands_open ON public.commands USING btree (kind, create_time, id) WHERE (state = 'OPEN'::text);

create table cursors (
  feed text not null,
  "position" bigint not null default 0,
  generation bigint not null default 0,
  update_time timestamp with time zone not null default now(),
  constraint cursors_pkey PRIMARY KEY (feed)
);

create table delivery_log (
  order_id text not null,
  event_id text not null,
  customer_id text not null,
  tracking_number text not null,
  complete_time timestamp with time zone not null,
  log_time timestamp with time zone not null default clock_timestamp(),
  constraint delivery_log_pkey PRIMARY KEY (order_id)
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

create table event_appends (
  number bigint not null generated always as identity,
  subjects text[] not null,
  sequences bigint[] not null,
  constraint event_appends_pkey PRIMARY KEY (number)
);

create table event_consumers (
  name text not null,
  "position" bigint not null,
  generation bigint not null default 0,
  seen_time timestamp with time zone not null default clock_timestamp(),
  create_time timestamp with time zone not null default clock_timestamp(),
  replay_time timestamp with time zone,
  replay_position bigint,
  replay_reason text not null default ''::text,
  constraint event_consumers_pkey PRIMARY KEY (name),
  constraint event_consumers_check CHECK (((replay_time IS NULL) = (replay_position IS NULL))),
  constraint event_consumers_generation_check CHECK ((generation >= 0)),
  constraint event_consumers_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'::text)),
  constraint event_consumers_position_check CHECK (("position" >= 0))
);

create table event_positions (
  "position" bigint not null,
  subject text not null,
  sequence bigint not null,
  constraint event_positions_pkey PRIMARY KEY ("position")
);

create table events (
  subject text not null,
  sequence bigint not null,
  id uuid not null,
  type text not null,
  "time" timestamp with time zone not null default clock_timestamp(),
  data jsonb not null,
  traceparent text,
  constraint events_pkey PRIMARY KEY (subject, sequence)
);

create table shipments (
  order_id text not null,
  customer_id text not null default ''::text,
  kind text,
  state text not null,
  address jsonb,
  tracking_number text not null default ''::text,
  refusal_reason text not null default ''::text,
  event_sequence bigint not null,
  awaited boolean not null default false,
  ask_time timestamp with time zone,
  asks integer not null default 0,
  recall_time timestamp with time zone,
  recalls integer not null default 0,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  recall_refusal text not null default ''::text,
  constraint shipments_pkey PRIMARY KEY (order_id),
  constraint shipments_check CHECK (((kind IS NOT NULL) OR (state = 'CANCELLED'::text))),
  constraint shipments_check1 CHECK (((kind = 'CARRIER'::text) = (address IS NOT NULL))),
  constraint shipments_check2 CHECK (((state = 'REFUSED'::text) = (refusal_reason <> ''::text))),
  constraint shipments_check3 CHECK (((state = 'PENDING'::text) = (ask_time IS NOT NULL))),
  constraint shipments_check4 CHECK (((recall_time IS NULL) OR (state = 'CANCELLED'::text))),
  constraint shipments_kind_check CHECK ((kind = ANY (ARRAY['CARRIER'::text, 'PICKUP'::text]))),
  constraint shipments_order_id_check CHECK (((length(order_id) >= 1) AND (length(order_id) <= 63))),
  constraint shipments_recall_refusal_check CHECK (((recall_refusal = ''::text) OR (state = 'CANCELLED'::text))) NOT VALID,
  constraint shipments_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'ACCEPTED'::text, 'REFUSED'::text, 'CANCELLED'::text])))
);

CREATE INDEX shipments_customer ON public.shipments USING btree (customer_id, create_time, order_id);

CREATE INDEX shipments_newest ON public.shipments USING btree (create_time, order_id);

CREATE INDEX shipments_to_ask ON public.shipments USING btree (ask_time) WHERE (ask_time IS NOT NULL);

CREATE INDEX shipments_to_recall ON public.shipments USING btree (recall_time) WHERE (recall_time IS NOT NULL);

create table webhooks (
  provider text not null,
  id text not null,
  body bytea not null,
  tries integer not null default 0,
  next_try_time timestamp with time zone default now(),
  receive_time timestamp with time zone not null default now(),
  park_time timestamp with time zone,
  error text not null default ''::text,
  actor_kind text,
  actor_id text,
  constraint webhooks_pkey PRIMARY KEY (provider, id),
  constraint webhooks_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text])))
);

CREATE INDEX webhooks_parked ON public.webhooks USING btree (provider, id) WHERE (park_time IS NOT NULL);

CREATE INDEX webhooks_to_apply ON public.webhooks USING btree (next_try_time) WHERE (next_try_time IS NOT NULL);

CREATE OR REPLACE FUNCTION public.keep_update_time()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.update_time := new.create_time;
  return new;
end $function$
;

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.commands FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.shipments FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();
