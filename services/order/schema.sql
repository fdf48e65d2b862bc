-- Made from migrations/ by the tests: do not edit.

create table anonymous_budgets (
  key bytea not null,
  window_start timestamp with time zone not null,
  count bigint not null,
  amount bigint not null,
  constraint anonymous_budgets_pkey PRIMARY KEY (key, window_start),
  constraint anonymous_budgets_amount_check CHECK ((amount >= 0)),
  constraint anonymous_budgets_count_check CHECK ((count >= 0))
);

CREATE INDEX anonymous_budgets_window ON public.anonymous_budgets USING btree (window_start);

create table audits (
  id text not null,
  state text not null default 'RUNNING'::text,
  start_time timestamp with time zone not null default clock_timestamp(),
  seen_time timestamp with time zone not null default clock_timestamp(),
  end_time timestamp with time zone,
  laws jsonb not null default '[]'::jsonb,
  failure text not null default ''::text,
  constraint audits_pkey PRIMARY KEY (id),
  constraint audits_check CHECK (((end_time IS NULL) = (state = 'RUNNING'::text))),
  constraint audits_state_check CHECK ((state = ANY (ARRAY['RUNNING'::text, 'CLEAN'::text, 'BREACHED'::text, 'FAILED'::text])))
);

CREATE INDEX audits_time ON public.audits USING btree (start_time DESC, id DESC);

create table cart_lines (
  cart_id text not null,
  product_id text not null,
  line_number integer not null,
  quantity integer not null,
  sku text not null,
  title text not null,
  currency character(3) not null,
  unit_price_minor bigint not null,
  constraint cart_lines_pkey PRIMARY KEY (cart_id, product_id),
  constraint cart_lines_cart_id_fkey FOREIGN KEY (cart_id) REFERENCES carts(id) ON DELETE CASCADE,
  constraint cart_lines_quantity_check CHECK (((quantity >= 1) AND (quantity <= 1000000))),
  constraint cart_lines_unit_price_minor_check CHECK ((unit_price_minor >= 0))
);

create table carts (
  id text not null,
  customer_id text,
  guest_token_hash bytea,
  name text not null default ''::text,
  state text not null default 'OPEN'::text,
  is_default boolean not null default false,
  version bigint not null default 1,
  order_id text,
  last_failure_reason text not null default ''::text,
  merged_into text,
  left_out jsonb,
  merge jsonb,
  event_sequence bigint not null default 0,
  remind_version bigint,
  notified_expire_time timestamp with time zone,
  idle_check_time timestamp with time zone default (now() + '01:00:00'::interval),
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  constraint carts_pkey PRIMARY KEY (id),
  constraint carts_check CHECK (((customer_id IS NULL) = (guest_token_hash IS NOT NULL))),
  constraint carts_check2 CHECK (((NOT is_default) OR ((customer_id IS NOT NULL) AND (state = ANY (ARRAY['OPEN'::text, 'CHECKING_OUT'::text]))))),
  constraint carts_check3 CHECK (((state = 'MERGED'::text) = (merged_into IS NOT NULL))),
  constraint carts_checking_out CHECK (((state <> 'CHECKING_OUT'::text) OR (order_id IS NOT NULL))),
  constraint carts_state_check CHECK ((state = ANY (ARRAY['OPEN'::text, 'CHECKING_OUT'::text, 'PURCHASED'::text, 'DELETED'::text, 'EXPIRED'::text, 'MERGED'::text])))
) with (fillfactor=70);

CREATE INDEX carts_customer ON public.carts USING btree (customer_id, create_time DESC, id DESC);

CREATE UNIQUE INDEX carts_default ON public.carts USING btree (customer_id) WHERE is_default;

CREATE INDEX carts_idle_check ON public.carts USING btree (idle_check_time) WHERE (idle_check_time IS NOT NULL);

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

CREATE INDEX commands_stalled ON public.commands USING btree (update_time) WHERE (state <> 'OPEN'::text);

CREATE INDEX commands_subject ON public.commands USING btree (subject);

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

create table incidents (
  id uuid not null,
  order_id text not null,
  step text not null,
  workflow_id text not null,
  error text not null,
  attempts integer not null,
  state text not null default 'OPEN'::text,
  resolution text not null default ''::text,
  retry_request_time timestamp with time zone,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  retry_actor_kind text,
  retry_actor_id text,
  resolve_actor_kind text,
  resolve_actor_id text,
  constraint incidents_pkey PRIMARY KEY (id),
  constraint incidents_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id),
  constraint incidents_resolve_actor_kind_check CHECK ((resolve_actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint incidents_retry_actor_kind_check CHECK ((retry_actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint incidents_state_check CHECK ((state = ANY (ARRAY['OPEN'::text, 'RESOLVED'::text])))
);

CREATE UNIQUE INDEX incidents_open ON public.incidents USING btree (order_id, step) WHERE (state = 'OPEN'::text);

CREATE INDEX incidents_time ON public.incidents USING btree (create_time DESC, id DESC);

create table order_lines (
  order_id text not null,
  line_number integer not null,
  product_id text not null,
  sku text not null,
  title text not null,
  quantity integer not null,
  unit_price_minor bigint not null,
  constraint order_lines_pkey PRIMARY KEY (order_id, line_number),
  constraint order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id),
  constraint order_lines_quantity_check CHECK ((quantity > 0)),
  constraint order_lines_unit_price_minor_check CHECK ((unit_price_minor >= 0))
);

create table order_refunds (
  order_id text not null,
  id text not null,
  payment_refund_id text not null,
  fingerprint bytea not null,
  amount_minor bigint not null,
  reason text not null default ''::text,
  state text not null default 'PENDING'::text,
  failure_reason text not null default ''::text,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  source text not null default 'ORDER'::text,
  at_most boolean not null default false,
  actor_kind text,
  actor_id text,
  public_reason text not null default ''::text,
  constraint order_refunds_payment_refund_id_key UNIQUE (payment_refund_id),
  constraint order_refunds_pkey PRIMARY KEY (order_id, id),
  constraint order_refunds_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id),
  constraint order_refunds_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint order_refunds_amount_minor_check CHECK ((amount_minor > 0)),
  constraint order_refunds_source_check CHECK ((source = ANY (ARRAY['ORDER'::text, 'PAYMENT'::text, 'PROVIDER'::text]))),
  constraint order_refunds_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'SUCCEEDED'::text, 'FAILED'::text])))
);

create table orders (
  id text not null,
  customer_id text not null,
  cart_id text,
  fingerprint bytea not null,
  state text not null,
  ends_as text,
  sequence integer not null,
  currency character(3) not null,
  total_minor bigint not null,
  payment_method text not null,
  pay_later boolean not null,
  payment_attempt integer not null default 0,
  payment_pending boolean not null default false,
  decline_reason text not null default ''::text,
  shipping_address jsonb,
  tracking_number text not null default ''::text,
  contact_email text not null default ''::text,
  outcome_reason text not null default ''::text,
  outcome_detail text not null default ''::text,
  shortages jsonb,
  cancel_request_time timestamp with time zone,
  cancel_detail text not null default ''::text,
  expire_time timestamp with time zone,
  refunded_minor bigint not null default 0,
  owner_workflow_id text,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  guest_customer_id text,
  disputes jsonb,
  cancel_actor_kind text,
  cancel_actor_id text,
  cancel_internal_reason text not null default ''::text,
  place_actor_kind text,
  place_actor_id text,
  pay_actor_kind text,
  pay_actor_id text,
  constraint orders_pkey PRIMARY KEY (id),
  constraint orders_cancel_actor_kind_check CHECK ((cancel_actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint orders_check1 CHECK (((state <> 'CANCELLING'::text) OR (ends_as IS NOT NULL))),
  constraint orders_check2 CHECK (((state <> 'COMPLETED'::text) OR (cancel_request_time IS NULL))),
  constraint orders_claimed CHECK ((guest_customer_id <> customer_id)),
  constraint orders_ends_as_check CHECK ((ends_as = ANY (ARRAY['REJECTED'::text, 'CANCELLED'::text, 'EXPIRED'::text]))),
  constraint orders_pay_actor_kind_check CHECK ((pay_actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint orders_payment_attempt_check CHECK (((payment_attempt >= 0) AND (payment_attempt <= 20))),
  constraint orders_place_actor_kind_check CHECK ((place_actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint orders_refunded_check CHECK ((refunded_minor >= 0)) NOT VALID,
  constraint orders_sequence_check CHECK ((sequence >= 1)),
  constraint orders_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'RESERVED'::text, 'AWAITING_PAYMENT'::text, 'PAID'::text, 'SHIPPING'::text, 'COMPLETED'::text, 'CANCELLING'::text, 'REJECTED'::text, 'CANCELLED'::text, 'EXPIRED'::text]))),
  constraint orders_total_minor_check CHECK (((total_minor >= 0) AND (total_minor <= '1000000000000000'::bigint)))
) with (fillfactor=70);

CREATE INDEX orders_cart ON public.orders USING btree (cart_id) WHERE (cart_id IS NOT NULL);

CREATE INDEX orders_customer ON public.orders USING btree (customer_id, create_time DESC, id DESC);

CREATE INDEX orders_time ON public.orders USING btree (create_time DESC, id DESC);

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

CREATE OR REPLACE FUNCTION public.keep_update_time()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.update_time := new.create_time;
  return new;
end $function$
;

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.carts FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.commands FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.incidents FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.order_refunds FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.orders FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();
