-- The mails to each mailbox within the last hour, which are limited. A mailbox is known by a hash: of an address that
-- belongs to no customer here, nothing is kept that could be read.
create table recipient_mails (
  recipient bytea         primary key, -- sha256 of the mailbox
  times     timestamptz[] not null,
  last_time timestamptz   not null
);
create index recipient_mails_last_time on recipient_mails (last_time);
