-- A refund of what is left: if the provider has less than the shop knew of, that is paid back.
alter table refunds add column at_most boolean not null default false;
