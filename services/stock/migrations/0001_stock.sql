-- Products, their stock levels, and reservations.

-- For searching words anywhere in a text. A trusted extension, which the database's owner may create.
create extension if not exists pg_trgm;

create table products (
  id          text        primary key check (length(id) between 1 and 63),
  sku         text        not null,
  title       text        not null,
  description text        not null default '',
  price_minor bigint      not null check (price_minor between 0 and 1000000000000000),
  currency    char(3)     not null,
  -- Title, SKU and description in lower case, one line each: the text that is searched.
  search_text text        not null,
  version     bigint      not null default 1,
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now(),
  delete_time timestamptz
);
-- A deleted product's SKU can be used again; its id cannot.
create unique index products_sku on products (sku) where delete_time is null;
create index products_oldest on products (create_time, id) where delete_time is null;
create index products_search on products using gin (search_text gin_trgm_ops) where delete_time is null;

-- One row a product, small and often updated: free space on its page keeps updates HOT.
create table levels (
  product_id text    primary key references products (id),
  -- The sum of the product's movements.
  on_hand    integer not null default 0 check (on_hand <= 1000000000),
  -- The sum of its lines in reservations that are HELD or PINNED.
  reserved   integer not null default 0,
  -- Mirrors products.delete_time, since a reservation locks and reads this row only.
  deleted    boolean not null default false,
  check (0 <= reserved and reserved <= on_hand),
  check (not deleted or reserved = 0)
) with (fillfactor = 50);

-- No foreign keys here and in reservation_lines: checking them row by row took 30 % of a batch's time. Both are only written
-- together with their products' levels, which have one.
create table movements (
  id          bigint      generated always as identity primary key,
  product_id  text        not null,
  delta       integer     not null check (delta <> 0),
  reason      text        not null check (reason in ('RECEIPT', 'CORRECTION', 'RETURN', 'SALE')),
  reference   text        not null default '',
  create_time timestamptz not null default now(),
  check (reason <> 'SALE' or delta < 0)
);
create index movements_product on movements (product_id, id);

create table reservations (
  id          text        primary key check (length(id) between 1 and 63),
  kind        text        not null check (kind in ('ORDER', 'MANUAL')),
  state       text        not null
                          check (state in ('HELD', 'PINNED', 'COMMITTED', 'RELEASED', 'EXPIRED', 'REFUSED')),
  -- sha256 of the request; null if it was released before it was made.
  fingerprint bytea,
  expire_time timestamptz,
  shortages   jsonb,
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now(),
  check (fingerprint is not null or state = 'RELEASED'),
  check (expire_time is null or state = 'HELD'),
  check ((shortages is not null) = (state = 'REFUSED'))
);
create index reservations_newest on reservations (create_time, id);
create index reservations_live on reservations (create_time, id) where state in ('HELD', 'PINNED');
create index reservations_expiring on reservations (expire_time) where expire_time is not null;

create table reservation_lines (
  reservation_id text    not null,
  product_id     text    not null,
  quantity       integer not null check (quantity between 1 and 1000000),
  primary key (reservation_id, product_id)
);
create index reservation_lines_product on reservation_lines (product_id, reservation_id);

create table requests (
  scope       text        not null,
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
