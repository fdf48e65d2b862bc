-- Passkeys (WebAuthn): second factors, and first ones where the authenticator verifies its user.
create table passkeys (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  name text not null default '',
  -- Chosen by the authenticator.
  credential_id bytea not null unique check (length(credential_id) between 1 and 1023),
  -- A COSE key.
  public_key bytea not null,
  -- The number of its proofs; 0 for authenticators that do not count.
  sign_count bigint not null,
  -- How browsers reach it, as they say.
  transports text[] not null default '{}',
  create_time timestamptz not null default now(),
  last_use_time timestamptz
);

create index passkeys_user on passkeys (user_id);

-- Challenges that were sent to browsers of users who are signed in. Those of sign-ins derive from the sign-in.
create table passkey_challenges (
  hash bytea primary key,
  user_id text not null references users (id) on delete cascade,
  purpose text not null check (purpose in ('ENROLL', 'CONFIRM')),
  passkey_id text not null default '',
  name text not null default '',
  expire_time timestamptz not null,
  create_time timestamptz not null default now(),
  unique (user_id, purpose)
);

create index passkey_challenges_expire on passkey_challenges (expire_time);
