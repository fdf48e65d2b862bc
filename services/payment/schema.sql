-- Made from migrations/ by the tests: do not edit.

create table accounts (
  id bigint not null generated always as identity,
  kind text not null,
  customer_id text,
  name text,
  currency character(3) not null,
  balance bigint,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  constraint accounts_customer_id_currency_key UNIQUE (customer_id, currency),
  constraint accounts_name_currency_key UNIQUE (name, currency),
  constraint accounts_pkey PRIMARY KEY (id),
  constraint accounts_balance_check CHECK ((balance >= 0)),
  constraint accounts_check CHECK ((num_nulls(customer_id, balance) =
CASE kind
    WHEN 'CUSTOMER'::text THEN 0
    ELSE 2
END)),
  constraint accounts_check1 CHECK ((num_nulls(name) =
CASE kind
    WHEN 'CUSTOMER'::text THEN 1
    ELSE 0
END)),
  constraint accounts_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
  constraint accounts_kind_check CHECK ((kind = ANY (ARRAY['CUSTOMER'::text, 'SYSTEM'::text])))
);

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

create table disputes (
  id text not null,
  place uuid not null,
  payment_id uuid not null,
  amount_minor bigint not null,
  reason text not null default ''::text,
  state text not null,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  constraint disputes_place_key UNIQUE (place),
  constraint disputes_pkey PRIMARY KEY (id),
  constraint disputes_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments(id),
  constraint disputes_amount_minor_check CHECK ((amount_minor > 0)),
  constraint disputes_state_check CHECK ((state = ANY (ARRAY['OPEN'::text, 'WON'::text, 'LOST'::text])))
);

CREATE INDEX disputes_open ON public.disputes USING btree (create_time) WHERE (state = 'OPEN'::text);

CREATE INDEX disputes_payment ON public.disputes USING btree (payment_id, place);

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

create table journal_entries (
  id uuid not null,
  kind text not null,
  reference text not null,
  create_time timestamp with time zone not null default now(),
  actor_kind text,
  actor_id text,
  constraint journal_entries_pkey PRIMARY KEY (id),
  constraint journal_entries_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text])))
);

CREATE INDEX journal_entries_reference ON public.journal_entries USING btree (reference, id) WHERE (reference <> ''::text);

create table payments (
  id uuid not null,
  kind text not null,
  order_id text,
  attempt integer,
  customer_id text,
  currency character(3),
  amount_minor bigint,
  payment_method text not null default ''::text,
  reference text not null default ''::text,
  state text not null,
  decline_reason text not null default ''::text,
  captured_minor bigint not null default 0,
  refunded_minor bigint not null default 0,
  provider_charge_id text not null default ''::text,
  asks integer not null default 0,
  next_ask_time timestamp with time zone,
  event_sequence bigint not null default 0,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  disputed_minor bigint not null default 0,
  actor_kind text,
  actor_id text,
  constraint payments_order_id_attempt_key UNIQUE (order_id, attempt),
  constraint payments_pkey PRIMARY KEY (id),
  constraint payments_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint payments_amount_minor_check CHECK ((amount_minor >= 0)),
  constraint payments_attempt_check CHECK (((attempt >= 1) AND (attempt <= 20))),
  constraint payments_check CHECK ((num_nulls(order_id, attempt) =
CASE kind
    WHEN 'ORDER'::text THEN 0
    ELSE 2
END)),
  constraint payments_check1 CHECK (((num_nulls(customer_id, currency, amount_minor) = 0) OR ((state = 'VOIDED'::text) AND (num_nulls(customer_id, currency, amount_minor) = 3)))),
  constraint payments_check2 CHECK (((captured_minor = 0) OR (captured_minor = COALESCE(amount_minor, (0)::bigint)))),
  constraint payments_check3 CHECK (((refunded_minor >= 0) AND (refunded_minor <= captured_minor))),
  constraint payments_check4 CHECK (((state <> 'CAPTURED'::text) OR (captured_minor = amount_minor))),
  constraint payments_check5 CHECK (((state = 'CAPTURED'::text) OR (refunded_minor = captured_minor))),
  constraint payments_check6 CHECK (((state <> 'PENDING'::text) OR (next_ask_time IS NOT NULL))),
  constraint payments_disputed_check CHECK ((disputed_minor >= 0)) NOT VALID,
  constraint payments_kind_check CHECK ((kind = ANY (ARRAY['ORDER'::text, 'MANUAL'::text]))),
  constraint payments_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'CAPTURED'::text, 'DECLINED'::text, 'VOIDED'::text])))
);

CREATE INDEX payments_customer ON public.payments USING btree (customer_id, id);

CREATE UNIQUE INDEX payments_live ON public.payments USING btree (order_id) WHERE (state = ANY (ARRAY['PENDING'::text, 'CAPTURED'::text]));

CREATE INDEX payments_to_ask ON public.payments USING btree (next_ask_time) WHERE (next_ask_time IS NOT NULL);

create table postings (
  entry_id uuid not null,
  line smallint not null,
  account_id bigint not null,
  currency character(3) not null,
  amount_minor bigint not null,
  constraint postings_pkey PRIMARY KEY (entry_id, line),
  constraint postings_amount_minor_check CHECK ((amount_minor <> 0))
);

CREATE INDEX postings_account ON public.postings USING btree (account_id, entry_id, line);

create table refunds (
  id text not null,
  place uuid not null,
  payment_id uuid not null,
  amount_minor bigint not null,
  reason text not null default ''::text,
  state text not null,
  failure_reason text not null default ''::text,
  refusals integer not null default 0,
  asks integer not null default 0,
  next_ask_time timestamp with time zone,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  source text not null default 'SHOP'::text,
  provider_refund_id text,
  actor_kind text,
  actor_id text,
  at_most boolean not null default false,
  constraint refunds_place_key UNIQUE (place),
  constraint refunds_pkey PRIMARY KEY (id),
  constraint refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments(id),
  constraint refunds_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint refunds_amount_minor_check CHECK ((amount_minor > 0)),
  constraint refunds_check CHECK (((state = 'PENDING'::text) = (next_ask_time IS NOT NULL))),
  constraint refunds_source_check CHECK ((source = ANY (ARRAY['SHOP'::text, 'PROVIDER'::text, 'HAND'::text]))),
  constraint refunds_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'SUCCEEDED'::text, 'FAILED'::text, 'REFUSED'::text])))
);

CREATE INDEX refunds_payment ON public.refunds USING btree (payment_id, place);

CREATE UNIQUE INDEX refunds_provider ON public.refunds USING btree (payment_id, provider_refund_id) WHERE (provider_refund_id IS NOT NULL);

CREATE INDEX refunds_refused ON public.refunds USING btree (place) WHERE (state = 'REFUSED'::text);

CREATE INDEX refunds_to_ask ON public.refunds USING btree (next_ask_time) WHERE (next_ask_time IS NOT NULL);

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

CREATE OR REPLACE FUNCTION public.entries_balance()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  entry uuid;
begin
  select entry_id into entry from added group by entry_id, currency having sum(amount_minor) <> 0 limit 1;
  if found then
    raise exception 'the postings of journal entry % do not sum to zero', entry using errcode = 'check_violation';
  end if;
  select entry_id into entry from added
  where not exists (select from journal_entries where id = entry_id) limit 1;
  if found then
    raise exception 'there is no journal entry %', entry using errcode = 'foreign_key_violation';
  end if;
  select entry_id into entry from added
  where not exists (select from accounts where id = account_id and accounts.currency = added.currency) limit 1;
  if found then
    raise exception 'journal entry % has a posting for an account that is not there or in another currency', entry
      using errcode = 'foreign_key_violation';
  end if;
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION public.keep_update_time()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.update_time := new.create_time;
  return new;
end $function$
;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'the ledger is only added to: % of % is refused', lower(tg_op), tg_table_name
    using errcode = 'restrict_violation', hint = 'post a journal entry that reverses it';
end $function$
;

CREATE TRIGGER entries_balance AFTER INSERT ON public.postings REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION entries_balance();

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE OF id, kind, customer_id, name, currency OR TRUNCATE ON public.accounts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE OR TRUNCATE ON public.postings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.accounts FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.commands FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.disputes FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.payments FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.refunds FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();
