-- Set when the key was replaced before its time, since it may have leaked. It signs no more, and its tokens are refused from then on.
alter table signing_keys add revoke_time timestamptz;
