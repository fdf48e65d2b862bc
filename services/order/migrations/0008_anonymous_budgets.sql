-- What callers without a sign-in have stored in an hour: of each network, and of all.
create table anonymous_budgets (
  key          bytea       not null, -- sha256 of what is limited, for example the storage of a network
  window_start timestamptz not null, -- the hour
  count        bigint      not null check (count >= 0),  -- writes or orders
  amount       bigint      not null check (amount >= 0), -- bytes or units
  primary key (key, window_start)
);
create index anonymous_budgets_window on anonymous_budgets (window_start);
