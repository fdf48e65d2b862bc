-- Access tokens that are refused before they expire. Every process that verifies tokens reads what is new each second.
create table revocations (
  kind text not null check (kind in ('SESSION', 'USER')),
  -- The session's id, or the user's.
  subject text not null,
  -- Of a user: tokens of an earlier version are refused.
  version bigint not null default 0,
  -- From then on no token is left that this refuses.
  expire_time timestamptz not null,
  -- The transaction that wrote it. A serial number would be skipped by readers while its transaction is open.
  xact xid8 not null default pg_current_xact_id(),
  primary key (kind, subject)
);

create index revocations_xact on revocations (xact);
create index revocations_expire on revocations (expire_time);

-- Rises when the user's roles or address change. It is in the tokens, so that earlier ones can be refused.
alter table users add token_version bigint not null default 0;

-- When the person last proved who they are.
alter table sessions add auth_time timestamptz not null default now();
