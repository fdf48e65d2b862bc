-- A refund that must not fail, and that the card provider refuses for good, waits for a person: REFUSED. What the customer
-- got another way, at the provider or by hand, is a refund of its own, which the refused one becomes smaller by.
alter table refunds drop constraint refunds_state_check;
alter table refunds add constraint refunds_state_check check (state in ('PENDING', 'SUCCEEDED', 'FAILED', 'REFUSED'));
alter table refunds
  add column if not exists source             text not null default 'SHOP',
  add column if not exists provider_refund_id text; -- of a refund that the merchant made at the provider
alter table refunds drop constraint if exists refunds_source_check;
alter table refunds add constraint refunds_source_check check (source in ('SHOP', 'PROVIDER', 'HAND'));
create unique index if not exists refunds_provider on refunds (payment_id, provider_refund_id)
  where provider_refund_id is not null;
create index refunds_refused on refunds (place) where state = 'REFUSED';
