-- The trace of the call that caused a message, if that is traced, so that its sending is part of it.
alter table messages add column traceparent text;
