-- The users that were deleted. Of the person it keeps nothing but the id.
create table user_erasures (
  user_id      text        primary key,
  request_time timestamptz not null default clock_timestamp()
);

-- The services that keep personal data, and since when each has none of this user.
create table user_erasure_services (
  user_id   text        not null references user_erasures,
  service   text        not null,
  done_time timestamptz,
  primary key (user_id, service)
);
