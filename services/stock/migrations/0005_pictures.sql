-- The picture of a product: an https URL, or a path of the shop's pages. Earlier versions neither read nor write it.
alter table products
  add column picture_url text not null default '' check (length(picture_url) <= 2000);
