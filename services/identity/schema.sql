-- Made from migrations/ by the tests: do not edit.

create table addresses (
  id text not null,
  user_id text not null,
  address jsonb not null,
  is_default boolean not null,
  version bigint not null default 1,
  create_time timestamp with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  constraint addresses_pkey PRIMARY KEY (id),
  constraint addresses_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX addresses_default ON public.addresses USING btree (user_id) WHERE is_default;

CREATE INDEX addresses_user ON public.addresses USING btree (user_id, id);

create table email_tokens (
  hash bytea not null,
  user_id text not null,
  purpose text not null,
  email text not null,
  expire_time timestamp with time zone not null,
  create_time timestamp with time zone not null default now(),
  constraint email_tokens_pkey PRIMARY KEY (hash),
  constraint email_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint email_tokens_purpose_check CHECK ((purpose = ANY (ARRAY['CONFIRM'::text, 'UNDO'::text])))
);

CREATE INDEX email_tokens_expire ON public.email_tokens USING btree (expire_time);

CREATE INDEX email_tokens_user ON public.email_tokens USING btree (user_id);

create table event_appends (
  number bigint not null generated always as identity,
  subjects text[] not null,
  sequences bigint[] not null,
  constraint event_appends_pkey PRIMARY KEY (number)
);

create table event_consumers (
  name text not null,
  "position" bigint not null,
  generation bigint not null default 0,
  seen_time timestamp with time zone not null default clock_timestamp(),
  create_time timestamp with time zone not null default clock_timestamp(),
  replay_time timestamp with time zone,
  replay_position bigint,
  replay_reason text not null default ''::text,
  constraint event_consumers_pkey PRIMARY KEY (name),
  constraint event_consumers_check CHECK (((replay_time IS NULL) = (replay_position IS NULL))),
  constraint event_consumers_generation_check CHECK ((generation >= 0)),
  constraint event_consumers_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'::text)),
  constraint event_consumers_position_check CHECK (("position" >= 0))
);

create table event_positions (
  "position" bigint not null,
  subject text not null,
  sequence bigint not null,
  constraint event_positions_pkey PRIMARY KEY ("position")
);

create table events (
  subject text not null,
  sequence bigint not null,
  id uuid not null,
  type text not null,
  "time" timestamp with time zone not null default clock_timestamp(),
  data jsonb not null,
  traceparent text,
  constraint events_pkey PRIMARY KEY (subject, sequence)
);

create table factor_resets (
  id bigint not null generated always as identity,
  user_id text not null,
  operator_id text not null,
  factors integer not null,
  create_time timestamp with time zone not null default now(),
  constraint factor_resets_pkey PRIMARY KEY (id),
  constraint factor_resets_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

CREATE INDEX factor_resets_user ON public.factor_resets USING btree (user_id);

create table factors (
  id text not null,
  user_id text not null,
  kind text not null,
  name text not null default ''::text,
  secret bytea not null,
  secret_key_id text not null,
  last_step bigint not null default 0,
  confirm_time timestamp with time zone,
  create_time timestamp with time zone not null default now(),
  last_use_time timestamp with time zone,
  constraint factors_pkey PRIMARY KEY (id),
  constraint factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint factors_kind_check CHECK ((kind = 'TOTP'::text))
);

CREATE INDEX factors_secret_key ON public.factors USING btree (secret_key_id);

CREATE INDEX factors_unconfirmed ON public.factors USING btree (create_time) WHERE (confirm_time IS NULL);

CREATE INDEX factors_user ON public.factors USING btree (user_id);

create table oidc_entries (
  model text not null,
  id_hash bytea not null,
  payload jsonb not null,
  account_id text,
  grant_id text,
  uid text,
  expire_time timestamp with time zone,
  constraint oidc_entries_pkey PRIMARY KEY (model, id_hash)
);

CREATE INDEX oidc_entries_account ON public.oidc_entries USING btree (account_id) WHERE (account_id IS NOT NULL);

CREATE INDEX oidc_entries_expire ON public.oidc_entries USING btree (expire_time);

CREATE INDEX oidc_entries_grant ON public.oidc_entries USING btree (grant_id) WHERE (grant_id IS NOT NULL);

CREATE INDEX oidc_entries_uid ON public.oidc_entries USING btree (model, uid) WHERE (uid IS NOT NULL);

create table passkey_challenges (
  hash bytea not null,
  user_id text not null,
  purpose text not null,
  passkey_id text not null default ''::text,
  name text not null default ''::text,
  expire_time timestamp with time zone not null,
  create_time timestamp with time zone not null default now(),
  constraint passkey_challenges_user_id_purpose_key UNIQUE (user_id, purpose),
  constraint passkey_challenges_pkey PRIMARY KEY (hash),
  constraint passkey_challenges_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint passkey_challenges_purpose_check CHECK ((purpose = ANY (ARRAY['ENROLL'::text, 'CONFIRM'::text])))
);

CREATE INDEX passkey_challenges_expire ON public.passkey_challenges USING btree (expire_time);

create table passkeys (
  id text not null,
  user_id text not null,
  name text not null default ''::text,
  credential_id bytea not null,
  public_key bytea not null,
  sign_count bigint not null,
  transports text[] not null default '{}'::text[],
  create_time timestamp with time zone not null default now(),
  last_use_time timestamp with time zone,
  constraint passkeys_credential_id_key UNIQUE (credential_id),
  constraint passkeys_pkey PRIMARY KEY (id),
  constraint passkeys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint passkeys_credential_id_check CHECK (((length(credential_id) >= 1) AND (length(credential_id) <= 1023)))
);

CREATE INDEX passkeys_user ON public.passkeys USING btree (user_id);

create table password_resets (
  hash bytea not null,
  user_id text not null,
  expire_time timestamp with time zone not null,
  constraint password_resets_pkey PRIMARY KEY (hash),
  constraint password_resets_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

CREATE INDEX password_resets_expire ON public.password_resets USING btree (expire_time);

CREATE INDEX password_resets_user ON public.password_resets USING btree (user_id);

create table pending_sign_ins (
  hash bytea not null,
  user_id text not null,
  expire_time timestamp with time zone not null,
  create_time timestamp with time zone not null default now(),
  constraint pending_sign_ins_pkey PRIMARY KEY (hash),
  constraint pending_sign_ins_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

CREATE INDEX pending_sign_ins_expire ON public.pending_sign_ins USING btree (expire_time);

CREATE INDEX pending_sign_ins_user ON public.pending_sign_ins USING btree (user_id);

create table recovery_codes (
  user_id text not null,
  hash bytea not null,
  create_time timestamp with time zone not null default now(),
  constraint recovery_codes_pkey PRIMARY KEY (user_id, hash),
  constraint recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

create table refresh_tokens (
  hash bytea not null,
  session_id text not null,
  expire_time timestamp with time zone not null,
  use_time timestamp with time zone,
  next_hash bytea,
  constraint refresh_tokens_pkey PRIMARY KEY (hash),
  constraint refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE,
  constraint refresh_tokens_check CHECK (((use_time IS NULL) = (next_hash IS NULL)))
);

CREATE UNIQUE INDEX refresh_tokens_newest ON public.refresh_tokens USING btree (session_id) WHERE (use_time IS NULL);

CREATE INDEX refresh_tokens_session ON public.refresh_tokens USING btree (session_id);

create table requests (
  scope text not null,
  request_id text not null,
  method text not null,
  fingerprint bytea not null,
  resource_id text,
  failure jsonb,
  create_time timestamp with time zone not null default now(),
  constraint requests_pkey PRIMARY KEY (scope, request_id),
  constraint requests_check CHECK ((num_nonnulls(resource_id, failure) <= 1))
);

CREATE INDEX requests_create_time ON public.requests USING btree (create_time);

create table revocations (
  kind text not null,
  subject text not null,
  version bigint not null default 0,
  expire_time timestamp with time zone not null,
  xact xid8 not null default pg_current_xact_id(),
  constraint revocations_pkey PRIMARY KEY (kind, subject),
  constraint revocations_kind_check CHECK ((kind = ANY (ARRAY['SESSION'::text, 'USER'::text])))
);

CREATE INDEX revocations_expire ON public.revocations USING btree (expire_time);

CREATE INDEX revocations_xact ON public.revocations USING btree (xact);

create table seeded_users (
  username text not null,
  constraint seeded_users_pkey PRIMARY KEY (username)
);

create table sessions (
  id text not null,
  user_id text not null,
  end_time timestamp with time zone,
  end_reason text,
  expire_time timestamp with time zone not null,
  create_time timestamp with time zone not null default now(),
  auth_time timestamp with time zone not null default now(),
  user_agent text not null default ''::text,
  network text not null default ''::text,
  last_use_time timestamp with time zone not null default now(),
  amr text[] not null default '{pwd}'::text[],
  constraint sessions_pkey PRIMARY KEY (id),
  constraint sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint sessions_check CHECK (((end_time IS NULL) = (end_reason IS NULL))),
  constraint sessions_end_reason_check CHECK ((end_reason = ANY (ARRAY['SIGNED_OUT'::text, 'PASSWORD_CHANGED'::text, 'TOKEN_REUSED'::text, 'REPLACED'::text, 'TOO_MANY'::text])))
);

CREATE INDEX sessions_expire ON public.sessions USING btree (expire_time);

CREATE INDEX sessions_user ON public.sessions USING btree (user_id);

create table signing_keys (
  id text not null,
  public_jwk jsonb not null,
  private_key bytea not null,
  sign_time timestamp with time zone not null,
  create_time timestamp with time zone not null default now(),
  revoke_time timestamp with time zone,
  constraint signing_keys_sign_time_key UNIQUE (sign_time),
  constraint signing_keys_pkey PRIMARY KEY (id)
);

create table throttles (
  key bytea not null,
  attempts double precision not null,
  blocked_until timestamp with time zone not null,
  update_time timestamp with time zone not null,
  constraint throttles_pkey PRIMARY KEY (key),
  constraint throttles_attempts_check CHECK ((attempts > (0)::double precision))
);

CREATE INDEX throttles_update ON public.throttles USING btree (update_time);

create table user_erasure_services (
  user_id text not null,
  service text not null,
  done_time timestamp with time zone,
  constraint user_erasure_services_pkey PRIMARY KEY (user_id, service),
  constraint user_erasure_services_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_erasures(user_id)
);

create table user_erasures (
  user_id text not null,
  request_time timestamp with time zone not null default clock_timestamp(),
  of_user_id text,
  constraint user_erasures_pkey PRIMARY KEY (user_id),
  constraint user_erasures_of_user_id_fkey FOREIGN KEY (of_user_id) REFERENCES user_erasures(user_id)
);

CREATE INDEX user_erasures_of_user ON public.user_erasures USING btree (of_user_id) WHERE (of_user_id IS NOT NULL);

create table users (
  id text not null,
  username text not null,
  email text not null,
  phone text not null default ''::text,
  password_hash text not null,
  roles text[] not null,
  version bigint not null default 1,
  create_time timestamp(3) with time zone not null default now(),
  update_time timestamp with time zone not null default now(),
  verified_email text not null default ''::text,
  token_version bigint not null default 0,
  pending_email text not null default ''::text,
  username_key text,
  email_key text,
  has_operator_password boolean,
  constraint users_pkey PRIMARY KEY (id),
  constraint users_email_check CHECK ((length(email) <= 254)),
  constraint users_id_check CHECK (((id ~ '^[A-Za-z0-9._~-]{1,63}$'::text) AND (id <> ALL (ARRAY['.'::text, '..'::text, 'me'::text])))),
  constraint users_password_hash_check CHECK ((password_hash ~~ '$argon2id$%'::text)),
  constraint users_roles_check CHECK (((roles <@ ARRAY['customer'::text, 'support'::text, 'operator'::text]) AND (cardinality(roles) > 0))),
  constraint users_username_check CHECK ((((length(username) >= 3) AND (length(username) <= 50)) AND (username !~ '@'::text)))
);

CREATE INDEX users_email_key ON public.users USING btree (email_key);

CREATE INDEX users_email_lower ON public.users USING btree (lower(email));

CREATE INDEX users_oldest ON public.users USING btree (create_time, id);

CREATE UNIQUE INDEX users_username ON public.users USING btree (lower(username));

CREATE UNIQUE INDEX users_username_key ON public.users USING btree (username_key);

CREATE UNIQUE INDEX users_verified_email ON public.users USING btree (lower(email)) WHERE (email = verified_email);

CREATE UNIQUE INDEX users_verified_email_key ON public.users USING btree (email_key) WHERE (email = verified_email);

CREATE OR REPLACE FUNCTION public.forget_email_key()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.email_key := null;
  return new;
end $function$
;

CREATE OR REPLACE FUNCTION public.keep_update_time()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.update_time := new.create_time;
  return new;
end $function$
;

CREATE TRIGGER forget_email_key BEFORE UPDATE ON public.users FOR EACH ROW WHEN (((new.email <> old.email) AND (NOT (new.email_key IS DISTINCT FROM old.email_key)))) EXECUTE FUNCTION forget_email_key();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.addresses FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();

CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time();
