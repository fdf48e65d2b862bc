-- The mailbox of a laptop. Empty where mail goes out for real.
create table mails (
  id           text        primary key,
  message_id   text        not null,
  sender       text        not null,
  recipients   text[]      not null,
  subject      text        not null,
  text         text        not null,
  html         text        not null,
  -- As in List-Unsubscribe: what a mail program offers its user.
  unsubscribe  text        not null,
  receive_time timestamptz not null default now()
);
create index mails_recipients on mails using gin (recipients);
