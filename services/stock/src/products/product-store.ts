import { testCurrency } from "@sagacart/chassis/currencies";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import pg from "pg";
import {
  type NewProduct,
  type Product,
  type ProductContent,
  type PutProduct,
  searchText,
  skuTaken,
} from "./product.ts";

/** Inserts a product without a level. Returns false if the id is taken, also by a deleted product. */
export async function insertProduct(tx: Transaction, product: NewProduct): Promise<boolean> {
  const { id, sku, title, description, priceMinor, currency, pictureUrl } = product;
  const { rowCount } = await refusingTakenSku(
    tx.query(
      `insert into products (id, sku, title, description, price_minor, currency, picture_url, search_text)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing`,
      [id, sku, title, description, priceMinor, currency, pictureUrl, searchText(product)],
    ),
  );
  return rowCount === 1;
}

/**
 * Inserts or overwrites products. A deleted one is restored. Throws PRODUCT_EXISTS for the SKU of another product.
 *
 * New products are inserted before any product is locked: an insert waits for a concurrent one of the same product, which
 * may go on to lock products, and the two would deadlock.
 */
export async function putProducts(tx: Transaction, products: readonly PutProduct[]): Promise<void> {
  const known = await findIds(tx, idsOf(products));
  const inserted = await insertMissing(
    tx,
    products.filter(({ id }) => !known.has(id)),
  );
  await putOthers(
    tx,
    products.filter(({ id }) => !inserted.has(id)),
  );
}

/** Puts products that exist already, or whose SKU is another product's, maybe one that changes it in the same batch. */
async function putOthers(tx: Transaction, products: readonly PutProduct[]): Promise<void> {
  // Products may swap their SKUs, and uniqueness is checked row by row: so changing SKUs are freed first.
  const freeSkus = async (before: ReadonlyMap<string, Product>) => {
    const changing = products.filter(({ id, sku }) => (before.get(id)?.sku ?? sku) !== sku);
    if (changing.length > 0) {
      // The variant keeps ids apart that differ in case only.
      await tx.query("update products set sku = ' ' || id, sku_variant = id where id = any($1)", [idsOf(changing)]);
    }
  };
  const before = await lockProducts(tx, idsOf(products));
  await freeSkus(before);
  const inserted = await insertMissing(
    tx,
    products.filter(({ id }) => !before.has(id)),
  );
  const others = products.filter(({ id }) => !before.has(id) && !inserted.has(id));
  // Either put by another transaction meanwhile, or their SKU is another product's.
  const late = await lockProducts(tx, idsOf(others));
  const refused = others.find(({ id }) => !late.has(id));
  if (refused !== undefined) {
    throw skuTaken(refused.sku);
  }
  await freeSkus(late);
  await overwrite(
    tx,
    products.filter(({ id }) => !inserted.has(id)),
  );
}

function idsOf(products: readonly PutProduct[]): string[] {
  return products.map(({ id }) => id);
}

/** Returns those of the ids that products have, also deleted ones. */
async function findIds(tx: Transaction, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await tx.query<{ id: string }>("select id from products where id = any($1)", [ids]);
  return new Set(rows.map(({ id }) => id));
}

/**
 * Inserts the products whose id and SKU are free, and returns their ids. It names no conflict target: with
 * `on conflict (id)` a concurrent insert of the same product can still violate the SKU's index.
 */
async function insertMissing(tx: Transaction, products: readonly PutProduct[]): Promise<Set<string>> {
  if (products.length === 0) {
    return new Set();
  }
  const { rows } = await tx.query<{ id: string }>(
    `insert into products (${productRows.columns})
     select * from ${productRows.table} order by id
     on conflict do nothing returning id`,
    productRows.values(products.map((product) => ({ ...product, pictureUrl: product.pictureUrl ?? "" }))),
  );
  return new Set(rows.map(({ id }) => id));
}

/** Overwrites locked products that differ. */
async function overwrite(tx: Transaction, products: readonly PutProduct[]): Promise<void> {
  if (products.length === 0) {
    return;
  }
  await refusingTakenSku(
    tx.query(
      `update products p
       set sku = new.sku, sku_variant = case when lower(p.sku) = lower(new.sku) then p.sku_variant else '' end, title = new.title, description = new.description, price_minor = new.price_minor,
           currency = new.currency, picture_url = coalesce(new.picture_url, p.picture_url), search_text = new.search_text, version = p.version + 1, update_time = now(),
           delete_time = null
       from ${productRows.table}
       where p.id = new.id
         and ((p.sku, p.title, p.description, p.price_minor, p.currency, p.picture_url)
              is distinct from (new.sku, new.title, new.description, new.price_minor, new.currency,
                                coalesce(new.picture_url, p.picture_url))
              or p.delete_time is not null)`,
      productRows.values(products),
    ),
  );
}

const productRows = unnest<PutProduct>("new", {
  id: ["text", ({ id }) => id],
  sku: ["text", ({ sku }) => sku],
  title: ["text", ({ title }) => title],
  description: ["text", ({ description }) => description],
  price_minor: ["bigint", ({ priceMinor }) => priceMinor],
  currency: ["text", ({ currency }) => currency],
  picture_url: ["text", ({ pictureUrl }) => pictureUrl],
  search_text: ["text", searchText],
});

/** Overwrites the editable fields of a locked product. */
export async function updateProduct(tx: Transaction, id: string, content: ProductContent): Promise<void> {
  const { sku, title, description, priceMinor, currency, pictureUrl } = content;
  await refusingTakenSku(
    tx.query(
      `update products
       set sku = $2, sku_variant = case when lower(sku) = lower($2) then sku_variant else '' end, title = $3, description = $4, price_minor = $5, currency = $6, picture_url = $7, search_text = $8,
           version = version + 1, update_time = now()
       where id = $1`,
      [id, sku, title, description, priceMinor, currency, pictureUrl, searchText(content)],
    ),
  );
}

/** Marks a locked product as deleted. */
export async function markDeleted(tx: Transaction, id: string): Promise<void> {
  await tx.query("update products set delete_time = now(), update_time = now(), version = version + 1 where id = $1", [
    id,
  ]);
}

/**
 * Locks products until the transaction ends, in id order; deleted ones, too. "no key", because the second update of a level
 * in a transaction checks its foreign key: that locks the product after the level, and would deadlock.
 */
export async function lockProducts(tx: Transaction, ids: readonly string[]): Promise<Map<string, Product>> {
  if (ids.length === 0) {
    return new Map();
  }
  const { rows } = await tx.query<ProductRow>(
    `select ${productColumns} from products p join levels l on l.product_id = p.id
     where p.id = any($1) order by p.id for no key update of p`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, toProduct(row)]));
}

/** Returns a product by id, also if it was deleted. */
export async function findProduct(db: Queryable, id: string): Promise<Product | undefined> {
  const { rows } = await db.query<ProductRow>({
    name: "find-product",
    text: `select ${productColumns} from products p join levels l on l.product_id = p.id where p.id = $1`,
    values: [id],
  });
  return rows.map(toProduct)[0];
}

/** Returns the products that have one of these ids or SKUs, each once, in id order; not deleted ones. */
export async function findProducts(
  db: Queryable,
  { ids, skus }: { ids: readonly string[]; skus: readonly string[] },
): Promise<Product[]> {
  const select = `select ${productColumns} from products p join levels l on l.product_id = p.id where p.delete_time is null`;
  // A checkout asks by id alone, and planning for both is a third of the cost.
  const { rows } = await db.query<ProductRow>(
    skus.length === 0
      ? { name: "find-products-by-id", text: `${select} and p.id = any($1) order by p.id`, values: [ids] }
      : {
          name: "find-products",
          text: `${select} and (p.id = any($1) or p.sku = any($2)) order by p.id`,
          values: [ids, skus],
        },
  );
  return rows.map(toProduct);
}

/** Lists the catalogue, oldest first, starting after the product `afterId`. */
export async function listProducts(
  db: Queryable,
  { afterId, limit }: { afterId: string | undefined; limit: number },
): Promise<Product[]> {
  const after =
    afterId === undefined ? "" : "and (p.create_time, p.id) > ((select create_time from products where id = $2), $2)";
  const { rows } = await db.query<ProductRow>(
    `select ${productColumns} from products p join levels l on l.product_id = p.id
     where ${listed} ${after} order by p.create_time, p.id limit $1`,
    afterId === undefined ? [limit] : [limit, afterId],
  );
  return rows.map(toProduct);
}

/** The products that customers see: not deleted, and not the synthetic ones by which the shop tests itself. */
export const listed = `p.delete_time is null and p.currency <> '${testCurrency}'`;

export type ProductRow = {
  id: string;
  sku: string;
  title: string;
  description: string;
  price_minor: bigint;
  currency: string;
  picture_url: string;
  version: bigint;
  on_hand: number;
  reserved: number;
  deleted: boolean;
  create_time: Date;
  update_time: Date;
};

export const productColumns = `p.id, p.sku, p.title, p.description, p.price_minor, p.currency, p.picture_url, p.version,
  l.on_hand, l.reserved, p.delete_time is not null as deleted, p.create_time, p.update_time`;

export function toProduct(row: ProductRow): Product {
  return {
    id: row.id,
    sku: row.sku,
    title: row.title,
    description: row.description,
    currency: row.currency,
    priceMinor: row.price_minor,
    pictureUrl: row.picture_url,
    onHand: row.on_hand,
    reserved: row.reserved,
    version: row.version,
    createTime: row.create_time,
    updateTime: row.update_time,
    deleted: row.deleted,
  };
}

/** The second one is for SKUs in any case. */
const skuIndexes: ReadonlySet<string> = new Set(["products_sku", "products_sku_any_case"]);

/** Turns a violation of the SKU's unique indexes into PRODUCT_EXISTS: the index decides between concurrent writers. */
async function refusingTakenSku<T>(statement: Promise<T>): Promise<T> {
  try {
    return await statement;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === "23505" && skuIndexes.has(error.constraint ?? "")) {
      throw skuTaken(/=\(([^,)]*)/.exec(error.detail ?? "")?.[1] ?? "requested");
    }
    throw error;
  }
}
