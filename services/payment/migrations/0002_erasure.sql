-- The customers whose personal data this service has to delete, or has deleted. A row stays for good: what comes late, an
-- event or a call, must not bring the data back. Of the person it keeps nothing but the id.
create table erasures (
  customer_id   text        primary key,
  begin_time    timestamptz not null default clock_timestamp(),
  done_time     timestamptz,                            -- since then there is no personal data here
  report_time   timestamptz,                            -- since then identity knows
  next_try_time timestamptz default clock_timestamp(),  -- null once it is reported
  tries         integer     not null default 0,
  check ((report_time is null) = (next_try_time is not null)),
  check (report_time is null or done_time is not null)
);
create index erasures_next_try on erasures (next_try_time) where next_try_time is not null;
create index erasures_begin on erasures (begin_time);

-- How far this service has read identity's feed for deleted users.
create table erasure_cursors (
  feed        text        primary key,
  position    bigint      not null default 0,
  generation  bigint      not null default 0,
  update_time timestamptz not null default now()
);
insert into erasure_cursors (feed) values ('identity');
