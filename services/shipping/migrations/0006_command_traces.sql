-- The trace that recorded a command, so that who carries it out goes on with it. Only where that trace is kept.
alter table commands add column traceparent text;
