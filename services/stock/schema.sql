-- Made from migrations/ by the tests: do not edit.

create extension pg_trgm;

create table levels (
  product_id text not null,
  on_hand integer not null default 0,
  reserved integer not null default 0,
  deleted boolean not null default false,
  constraint levels_pkey PRIMARY KEY (product_id),
  constraint levels_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id),
  constraint levels_check CHECK (((0 <= reserved) AND (reserved <= on_hand))),
  constraint levels_check1 CHECK (((NOT deleted) OR (reserved = 0))),
  constraint levels_on_hand_check CHECK ((on_hand <= 1000000000))
) with (fillfactor=50);

create table movements (
  id bigint not null generated always as identity,
  product_id text not null,
  delta integer not null,
  reason text not null,
  reference text not null default ''::text,
  create_time timestamp with time zone not null default now(),
  actor_kind text,
  actor_id text,
  constraint movements_pkey PRIMARY KEY (id),
  constraint movements_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint movements_check CHECK (((reason <> 'SALE'::text) OR (delta < 0))),
  constraint movements_delta_check CHECK ((delta <> 0)),
  constraint movements_reason_check CHECK ((reason = ANY (ARRAY['RECEIPT'::text, 'CORRECTION'::text, 'RETURN'::text, 'SALE'::text])))
);

CREATE INDEX movements_product ON public.movements USING btree (product_id, id);

create table products (
  id text not null,
  sku text not null,
  title text not null,
  description text not null default ''::text,
  price_minor bigint not null,
  currency character(3) not null,
  search_text text not null,
  version bigint not null default 1,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  delete_time timestamp with time zone,
  sku_variant text not null default ''::text,
  picture_url text not null default ''::text,
  constraint products_pkey PRIMARY KEY (id),
  constraint products_id_check CHECK (((length(id) >= 1) AND (length(id) <= 63))),
  constraint products_picture_url_check CHECK ((length(picture_url) <= 2000)),
  constraint products_price_minor_check CHECK (((price_minor >= 0) AND (price_minor <= '1000000000000000'::bigint)))
);

CREATE INDEX products_oldest ON public.products USING btree (create_time, id) WHERE (delete_time IS NULL);

CREATE INDEX products_search ON public.products USING gin (search_text gin_trgm_ops) WHERE (delete_time IS NULL);

CREATE UNIQUE INDEX products_sku ON public.products USING btree (sku) WHERE (delete_time IS NULL);

CREATE UNIQUE INDEX products_sku_any_case ON public.products USING btree (lower(sku), sku_variant) WHERE (delete_time IS NULL);

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

create table reservation_lines (
  reservation_id text not null,
  product_id text not null,
  quantity integer not null,
  constraint reservation_lines_pkey PRIMARY KEY (reservation_id, product_id),
  constraint reservation_lines_quantity_check CHECK (((quantity >= 1) AND (quantity <= 1000000)))
);

CREATE INDEX reservation_lines_product ON public.reservation_lines USING btree (product_id, reservation_id);

create table reservations (
  id text not null,
  kind text not null,
  state text not null,
  fingerprint bytea,
  expire_time timestamp with time zone,
  shortages jsonb,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  actor_kind text,
  actor_id text,
  constraint reservations_pkey PRIMARY KEY (id),
  constraint reservations_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['CUSTOMER'::text, 'OPERATOR'::text, 'SYSTEM'::text]))),
  constraint reservations_check CHECK (((fingerprint IS NOT NULL) OR (state = 'RELEASED'::text))),
  constraint reservations_check1 CHECK (((expire_time IS NULL) OR (state = 'HELD'::text))),
  constraint reservations_check2 CHECK (((shortages IS NOT NULL) = (state = 'REFUSED'::text))),
  constraint reservations_id_check CHECK (((length(id) >= 1) AND (length(id) <= 63))),
  constraint reservations_kind_check CHECK ((kind = ANY (ARRAY['ORDER'::text, 'MANUAL'::text]))),
  constraint reservations_state_check CHECK ((state = ANY (ARRAY['HELD'::text, 'PINNED'::text, 'COMMITTED'::text, 'RELEASED'::text, 'EXPIRED'::text, 'REFUSED'::text])))
);

CREATE INDEX reservations_expiring ON public.reservations USING btree (expire_time) WHERE (expire_time IS NOT NULL);

CREATE INDEX reservations_live ON public.reservations USING btree (create_time, id) WHERE (state = ANY (ARRAY['HELD'::text, 'PINNED'::text]));

CREATE INDEX reservations_newest ON public.reservations USING btree (create_time, id);

CREATE OR REPLACE FUNCTION public.keep_update_time()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.update_time := new.create_time;
  return new;
end $function$
;

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.products FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.reservations FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();
