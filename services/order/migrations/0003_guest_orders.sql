-- Orders of guests, who check out without registering, and may claim their orders later.

-- A guest's cart, which has no customer, can be checked out too.
alter table carts drop constraint carts_check1;
alter table carts add constraint carts_checking_out check (state <> 'CHECKING_OUT' or order_id is not null);

-- The customer_id that a guest's order had before a customer claimed it.
alter table orders add column guest_customer_id text
  constraint orders_claimed check (guest_customer_id <> customer_id);
