-- For services with tracked commands, which stay until their subject is done: to find them by subject, and by age.
create index commands_subject on commands (subject);
create index commands_stalled on commands (update_time) where state <> 'OPEN';
