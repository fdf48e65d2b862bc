-- Second factors of sign-ins, and the recovery codes in place of them.
create table factors (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  kind text not null check (kind in ('TOTP')),
  name text not null default '',
  -- Encrypted as signing keys are, with the id as associated data.
  secret bytea not null,
  -- The key that encrypted it: those of a former one are encrypted again.
  secret_key_id text not null,
  -- The period of the last code that was accepted: this one and earlier ones are refused.
  last_step bigint not null default 0,
  -- Null until a code has proven that the app has the secret.
  confirm_time timestamptz,
  create_time timestamptz not null default now(),
  last_use_time timestamptz
);

create index factors_user on factors (user_id);
create index factors_secret_key on factors (secret_key_id);
create index factors_unconfirmed on factors (create_time) where confirm_time is null;

-- A used code is deleted.
create table recovery_codes (
  user_id text not null references users (id) on delete cascade,
  hash bytea not null,
  create_time timestamptz not null default now(),
  primary key (user_id, hash)
);

-- Sign-ins whose password was right, and which wait for a second factor.
create table pending_sign_ins (
  hash bytea primary key,
  user_id text not null references users (id) on delete cascade,
  expire_time timestamptz not null,
  create_time timestamptz not null default now()
);

create index pending_sign_ins_user on pending_sign_ins (user_id);
create index pending_sign_ins_expire on pending_sign_ins (expire_time);

-- Operators who removed the factors of a user.
create table factor_resets (
  id bigint generated always as identity primary key,
  user_id text not null references users (id) on delete cascade,
  operator_id text not null,
  factors integer not null,
  create_time timestamptz not null default now()
);

create index factor_resets_user on factor_resets (user_id);

-- How the user of a session proved who they are (RFC 8176).
alter table sessions add amr text[] not null default '{pwd}';
