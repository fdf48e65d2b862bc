import type { Queryable } from "@sagacart/chassis/postgres/pool";
import type { PersonalTable } from "./tables/table.ts";

/** A record of an export, and its key in the table, as texts. */
export type ExportedRow = { readonly data: string; readonly key: readonly string[] };

/** Reads a customer's rows of a table after one with this key, in the order of their keys. */
export async function readRows(
  db: Queryable,
  name: string,
  table: PersonalTable,
  { customerId, after, limit }: { customerId: string; after: readonly string[]; limit: number },
): Promise<readonly ExportedRow[]> {
  const { rows, columns } = table;
  const keys = Object.entries(rows.key);
  const order = keys.map(([column]) => `t.${column}`).join(", ");
  const shown = Object.entries(columns).flatMap(([column, decision]) => {
    const isShown = decision.kind !== "not personal" && !(decision.kind === "erased" && decision.isSecret === true);
    return isShown ? [`t.${column} as "${camelCase(column)}"`] : [];
  });
  const afterKey = keys.map(([, type], index) => `$${index + 2}::text::${type}`).join(", ");
  const { rows: found } = await db.query<ExportedRow>(
    `select (select row_to_json(r)::text from (select ${shown.join(", ")}) as r) as data,
            array[${keys.map(([column]) => `t.${column}::text`).join(", ")}] as key
     from ${name} as t
     where (${rows.whose}) ${after.length === 0 ? "" : `and (${order}) > (${afterKey})`}
     order by ${order} limit ${limit}`,
    [customerId, ...after],
  );
  return found;
}

function camelCase(column: string): string {
  return column.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
