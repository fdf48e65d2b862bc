-- The audits of the shop, and what each found. The audit's program reports it; it reads the databases with logins of its own.
create table audits (
  id         text        primary key,
  -- One that was killed stays RUNNING, and is told by when it was last heard of.
  state      text        not null default 'RUNNING' check (state in ('RUNNING', 'CLEAN', 'BREACHED', 'FAILED')),
  start_time timestamptz not null default clock_timestamp(),
  seen_time  timestamptz not null default clock_timestamp(), -- when its program was last heard of
  end_time   timestamptz,
  laws       jsonb       not null default '[]',              -- messages Audit.Law
  failure    text        not null default '',
  check ((end_time is null) = (state = 'RUNNING'))
);
create index audits_time on audits (start_time desc, id desc);
