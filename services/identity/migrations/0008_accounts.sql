-- A new e-mail address until it is confirmed, and the tokens that are mailed to confirm an address or to undo a change.
alter table users add pending_email text not null default '';

create table email_tokens (
  hash bytea primary key,
  user_id text not null references users (id) on delete cascade,
  purpose text not null check (purpose in ('CONFIRM', 'UNDO')),
  -- The address that it was sent to: to be confirmed, or to be restored.
  email text not null,
  expire_time timestamptz not null,
  create_time timestamptz not null default now()
);

create index email_tokens_user on email_tokens (user_id);
create index email_tokens_expire on email_tokens (expire_time);

-- Names and addresses as they are compared: see users/fold.ts. Null in rows of earlier versions until a process fills it in.
alter table users add username_key text;
alter table users add email_key text;
create unique index users_username_key on users (username_key);
create index users_email_key on users (email_key);

-- A process of an earlier version changes an address and knows no key.
create function forget_email_key() returns trigger language plpgsql as $$
begin
  new.email_key := null;
  return new;
end $$;
create trigger forget_email_key before update on users for each row
  when (new.email <> old.email and new.email_key is not distinct from old.email_key) execute function forget_email_key();

-- An address belongs to the user who has verified it. Anybody may register with it, so that no answer shows who is known.
create unique index users_verified_email_key on users (email_key) where email = verified_email;
create unique index users_verified_email on users (lower(email)) where email = verified_email;
create index users_email_lower on users (lower(email));
drop index users_email;

-- True if the password is good enough for an operator; null if it was set before that was looked at.
alter table users add has_operator_password boolean;

-- What people see of their sessions.
alter table sessions add user_agent text not null default '';
alter table sessions add network text not null default '';
alter table sessions add last_use_time timestamptz not null default now();

-- The count leaks away bit by bit.
alter table throttles alter attempts type double precision;
