-- The ledger. Money only moves by journal entries, whose postings sum to zero per currency; what is written in it
-- is never changed. What increases an account is positive: a customer's money, and the shop's sales.

create table accounts (
  id          bigint      primary key generated always as identity,
  kind        text        not null check (kind in ('CUSTOMER', 'SYSTEM')),
  customer_id text,                 -- a customer's account
  name        text,                 -- a system account: cash:deposits, sales, card:clearing, adjustments
  currency    char(3)     not null check (currency ~ '^[A-Z]{3}$'),
  -- The sum of its postings. System accounts keep none: each charge touches them, and they would be hot rows.
  balance     bigint      check (balance >= 0),
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now(),
  unique (customer_id, currency),
  unique (name, currency),
  check (num_nulls(customer_id, balance) = case kind when 'CUSTOMER' then 0 else 2 end),
  check (num_nulls(name) = case kind when 'CUSTOMER' then 1 else 0 end)
);

create table journal_entries (
  id          uuid        primary key,
  kind        text        not null,
  reference   text        not null,
  create_time timestamptz not null default now()
);

-- No foreign keys: a check for each row cost about as much as writing it. entries_balance() checks the whole
-- statement at once, and what it refers to can neither be deleted nor become something else.
create table postings (
  entry_id     uuid     not null,
  line         smallint not null,
  account_id   bigint   not null,
  currency     char(3)  not null,
  amount_minor bigint   not null check (amount_minor <> 0),
  primary key (entry_id, line)
);
create index postings_account on postings (account_id, entry_id, line);

-- Each statement adds postings that sum to zero for each entry and currency, so the postings of an entry always do.
create function entries_balance() returns trigger language plpgsql as $$
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
end $$;
create trigger entries_balance after insert on postings referencing new table as added
  for each statement execute function entries_balance();

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the ledger is only added to: % of % is refused', lower(tg_op), tg_table_name
    using errcode = 'restrict_violation', hint = 'post a journal entry that makes up for it';
end $$;
create trigger immutable before update or delete or truncate on journal_entries
  for each statement execute function refuse_change();
create trigger immutable before update or delete or truncate on postings
  for each statement execute function refuse_change();
create trigger immutable before delete or truncate or update of id, kind, customer_id, name, currency on accounts
  for each statement execute function refuse_change();
