-- The address that the customer registered with at identity; empty if unknown. A contact's own address goes before it.
alter table contacts
  add column registered_email text not null default '',
  add column registered_verified boolean not null default false;

-- How far identity's feed was read for these addresses.
insert into cursors (feed) values ('identity');

-- Finds the mails that wait for their customer's address.
create index messages_without_address on messages (customer_id) where channel = 'EMAIL' and recipient = '';
