-- Nothing is changed before it was created. Times come from the transactions that write: one that began before another
-- created the row may change it, and a column of milliseconds rounds up. Then the time of creation counts.
create function keep_update_time() returns trigger language plpgsql as $$
begin
  new.update_time := new.create_time;
  return new;
end $$;

update carts set update_time = create_time where update_time < create_time;
create trigger keep_update_time before insert or update on carts
  for each row when (new.update_time < new.create_time) execute function keep_update_time();

update orders set update_time = create_time where update_time < create_time;
create trigger keep_update_time before insert or update on orders
  for each row when (new.update_time < new.create_time) execute function keep_update_time();

update order_refunds set update_time = create_time where update_time < create_time;
create trigger keep_update_time before insert or update on order_refunds
  for each row when (new.update_time < new.create_time) execute function keep_update_time();

update incidents set update_time = create_time where update_time < create_time;
create trigger keep_update_time before insert or update on incidents
  for each row when (new.update_time < new.create_time) execute function keep_update_time();

update commands set update_time = create_time where update_time < create_time;
create trigger keep_update_time before insert or update on commands
  for each row when (new.update_time < new.create_time) execute function keep_update_time();
