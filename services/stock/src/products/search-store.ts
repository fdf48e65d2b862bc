import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { foldText, type Product } from "./product.ts";
import { listed, type ProductRow, productColumns, toProduct } from "./product-store.ts";

export type Search = {
  /** Words separated by spaces; each must occur. */
  readonly query: string;
  readonly minPrice: Price | undefined;
  readonly maxPrice: Price | undefined;
  /** The last product of the previous page. */
  readonly after: { readonly score: bigint; readonly id: string } | undefined;
  readonly limit: number;
};

export type Found = { readonly product: Product; readonly score: bigint };

type Price = { readonly currencyCode: string; readonly minorUnits: bigint };

/**
 * Searches products that contain every word in title, SKU or description, in any case, and whose price is in the range.
 * Best match first: a word scores highest as the whole SKU or title, then as a word of the title, as the start of one,
 * elsewhere in title or SKU, and lowest in the description. Equal scores are listed oldest first.
 */
export async function searchProducts(db: Queryable, search: Search): Promise<Found[]> {
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  const words = [...new Set(foldText(search.query).split(" "))].filter((word) => word !== "");
  const conditions = [listed];
  for (const word of words) {
    conditions.push(`p.search_text like ${value(`%${escapeLike(word)}%`)}`);
  }
  for (const [price, comparison] of [[search.minPrice, ">="] as const, [search.maxPrice, "<="] as const]) {
    if (price !== undefined) {
      conditions.push(`p.currency = ${value(price.currencyCode)}`);
      conditions.push(`p.price_minor ${comparison} ${value(price.minorUnits)}`);
    }
  }
  const score = words.length === 0 ? "0::bigint" : scoreOf(value(words), value(words.map(escapeLike)));
  const { rows } = await db.query<ProductRow & { score: bigint }>(
    `select * from (select ${productColumns}, ${score} as score
                    from products p join levels l on l.product_id = p.id
                    where ${conditions.join(" and ")}) as p
     ${search.after === undefined ? "" : after(value(search.after.score), value(search.after.id))}
     order by score desc, create_time, id limit ${value(search.limit)}`,
    values,
  );
  return rows.map((row) => ({ product: toProduct(row), score: row.score }));
}

/** `patterns` are the words escaped for LIKE. The title is the first line of search_text, the SKU the second. */
function scoreOf(words: string, patterns: string): string {
  const title = "split_part(p.search_text, E'\\n', 1)";
  const sku = "split_part(p.search_text, E'\\n', 2)";
  return `(select sum(case when word in (${sku}, ${title}) then 8
                           when ' ' || ${title} || ' ' like '% ' || pattern || ' %' then 5
                           when ' ' || ${title} like '% ' || pattern || '%' then 3
                           when ${title} || ' ' || ${sku} like '%' || pattern || '%' then 2
                           else 1 end)
           from unnest(${words}::text[], ${patterns}::text[]) as w (word, pattern))`;
}

function after(score: string, id: string): string {
  return `where score < ${score}
             or (score = ${score} and (create_time, id) > ((select create_time from products where id = ${id}), ${id}))`;
}

/** Escapes % and _, so that they match themselves. */
function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, "\\$&");
}
