-- The provider's id of a refund, once known. Old code records refunds of the shop only.
alter table refunds
  add column if not exists source             text not null default 'SHOP',
  add column if not exists provider_refund_id text;
do $$ begin
  if not exists (select from pg_constraint where conname = 'refunds_source_check') then
    alter table refunds add constraint refunds_source_check check (source in ('SHOP', 'PROVIDER'));
  end if;
end $$;
create unique index if not exists refunds_provider on refunds (payment_id, provider_refund_id)
  where provider_refund_id is not null;

create table disputes (
  id           text        primary key,        -- the provider's id
  place        uuid        not null unique,    -- a UUIDv7, which sorts lists by time
  payment_id   uuid        not null references payments,
  amount_minor bigint      not null check (amount_minor > 0),
  reason       text        not null default '',
  state        text        not null check (state in ('OPEN', 'WON', 'LOST')),
  create_time  timestamptz not null default now(),
  update_time  timestamptz not null default now()
);
create index disputes_payment on disputes (payment_id, place);
create index disputes_open on disputes (create_time) where state = 'OPEN';

-- The sum of the disputes of a payment that are not won. It is apart from the refunds, and with them it may exceed the
-- capture: a bank may take back what the shop has refunded already.
alter table payments add column disputed_minor bigint not null default 0;
alter table payments add constraint payments_disputed_check check (disputed_minor >= 0) not valid;
