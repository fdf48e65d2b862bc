-- SKUs are unique in any case, and a search finds accents in both directions.

-- Products that had SKUs which differ in case only keep them: all but the oldest are told apart by their id, until their
-- SKU changes.
alter table products add column sku_variant text not null default '';
update products
set sku_variant = id
where delete_time is null
  and id not in (
    select distinct on (lower(sku)) id from products where delete_time is null order by lower(sku), create_time, id
  );
create unique index products_sku_any_case on products (lower(sku), sku_variant) where delete_time is null;

-- As foldText does: without accents, and with plain letters for those with strokes.
update products
set search_text = folded.text
from (
  select id, replace(replace(translate(
    normalize(regexp_replace(normalize(search_text, nfkd), U&'[\0300-\036F]', '', 'g'), nfc),
    'øłđħŧı', 'oldhti'), 'æ', 'ae'), 'œ', 'oe') as text
  from products
) as folded
where folded.id = products.id and folded.text <> products.search_text;
