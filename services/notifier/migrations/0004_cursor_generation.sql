-- How often an operator has set the reader back.
alter table cursors add column generation bigint not null default 0;
