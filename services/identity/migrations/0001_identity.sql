create table users (
  id            text        primary key check (id ~ '^[A-Za-z0-9._~-]{1,63}$' and id not in ('.', '..', 'me')),
  username      text        not null check (length(username) between 3 and 50 and username !~ '@'),
  email         text        not null check (length(email) <= 254),
  phone         text        not null default '',
  -- In the PHC string format: the algorithm, its parameters, the salt and the hash.
  password_hash text        not null check (password_hash like '$argon2id$%'),
  roles         text[]      not null check (roles <@ array['customer', 'support', 'operator'] and cardinality(roles) > 0),
  version       bigint      not null default 1,
  -- In milliseconds, as in page tokens.
  create_time   timestamptz(3) not null default now(),
  update_time   timestamptz not null default now()
);
-- Names differ by more than case.
create unique index users_username on users (lower(username));
create unique index users_email on users (lower(email));
create index users_oldest on users (create_time, id);

create table addresses (
  id          text        primary key,
  user_id     text        not null references users on delete cascade,
  address     jsonb       not null,
  is_default  boolean     not null,
  version     bigint      not null default 1,
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now()
);
create index addresses_user on addresses (user_id, id);
create unique index addresses_default on addresses (user_id) where is_default;

create table sessions (
  id          text        primary key,
  user_id     text        not null references users on delete cascade,
  -- Ended by its user, by a password change, or by a reused token. Kept until it would have expired.
  end_time    timestamptz,
  end_reason  text        check (end_reason in ('SIGNED_OUT', 'PASSWORD_CHANGED', 'TOKEN_REUSED')),
  expire_time timestamptz not null,
  create_time timestamptz not null default now(),
  check ((end_time is null) = (end_reason is null))
);
create index sessions_user on sessions (user_id);
create index sessions_expire on sessions (expire_time);

create table refresh_tokens (
  hash        bytea       primary key, -- sha256: the random tokens themselves are not stored
  session_id  text        not null references sessions on delete cascade,
  expire_time timestamptz not null,
  use_time    timestamptz,
  -- The token that it was exchanged for.
  next_hash   bytea,
  check ((use_time is null) = (next_hash is null))
);
create index refresh_tokens_session on refresh_tokens (session_id);
-- At most one is valid.
create unique index refresh_tokens_newest on refresh_tokens (session_id) where use_time is null;

create table password_resets (
  hash        bytea       primary key,
  user_id     text        not null references users on delete cascade,
  expire_time timestamptz not null
);
create index password_resets_user on password_resets (user_id);
create index password_resets_expire on password_resets (expire_time);

create table throttles (
  key          bytea       primary key, -- sha256 of the counted name or address
  attempts     integer     not null check (attempts > 0),
  blocked_until timestamptz not null,
  update_time  timestamptz not null
);
create index throttles_update on throttles (update_time);

-- Users that the configuration has seeded once: a deleted one is not created again at the next start.
create table seeded_users (
  username text primary key
);

create table signing_keys (
  id          text        primary key, -- the kid
  public_jwk  jsonb       not null,
  -- AES-256-GCM: nonce, tag, the PKCS #8 key.
  private_key bytea       not null,
  -- When it begins to sign. It is published from its creation on.
  sign_time   timestamptz not null unique,
  create_time timestamptz not null default now()
);

create table oidc_entries (
  model       text        not null, -- Session, Grant, AuthorizationCode, RefreshToken, Interaction …
  id_hash     bytea       not null, -- sha256: codes and tokens are not stored
  payload     jsonb       not null,
  account_id  text,
  grant_id    text,
  uid         text,
  expire_time timestamptz,
  primary key (model, id_hash)
);
create index oidc_entries_grant on oidc_entries (grant_id) where grant_id is not null;
create index oidc_entries_uid on oidc_entries (model, uid) where uid is not null;
create index oidc_entries_account on oidc_entries (account_id) where account_id is not null;
create index oidc_entries_expire on oidc_entries (expire_time);

create table requests (
  scope       text        not null, -- whose request ids they are: mostly a customer's id
  request_id  text        not null,
  method      text        not null,
  fingerprint bytea       not null, -- sha256 of the request
  resource_id text,                 -- the id of what it created
  failure     jsonb,                -- or its error
  create_time timestamptz not null default now(),
  primary key (scope, request_id),
  check (num_nonnulls(resource_id, failure) <= 1)
);
create index requests_create_time on requests (create_time);
