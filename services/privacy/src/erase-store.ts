import type { Queryable } from "@sagacart/chassis/postgres/pool";
import type { Erased, PersonalTable, Tables } from "./tables/table.ts";

/** The most rows that one statement deletes or overwrites: it holds their locks until it ends. */
const rowsAtOnce = 500;

/**
 * Deletes a customer's personal data from the tables, in their order and in small steps, each a statement of its own unless
 * `db` is a transaction. Doing it again, or going on after a crash, has the same result. Rows that are still needed stay.
 */
export async function erasePersonalData(db: Queryable, tables: Tables, customerId: string): Promise<void> {
  for (const text of eraseStatements(tables)) {
    let rowCount: number | null;
    do {
      ({ rowCount } = await db.query(text, [customerId]));
    } while (rowCount === rowsAtOnce);
  }
}

/** Returns the names of the tables that still have personal data of the customer. */
export async function findPersonalData(db: Queryable, tables: Tables, customerId: string): Promise<string[]> {
  const found: string[] = [];
  for (const [name, table] of personalTables(tables)) {
    const left = leftIn(table);
    if (left !== undefined) {
      const text = `select from ${name} as t where ${left} limit 1`;
      const { rowCount } = await db.query(text, [customerId]);
      if (rowCount === 1) {
        found.push(name);
      }
    }
  }
  return found;
}

/** Returns the SQL condition for the customer's ($1) rows of a table (`t`) that an erasure must leave none of. */
export function leftIn({ rows, columns }: PersonalTable): string | undefined {
  if (rows.areDeleted) {
    return `(${rows.whose})`;
  }
  const values = erasedColumns(columns).map(([name, { to, isLeft }]) => isLeft ?? `t.${name} is distinct from (${to})`);
  return values.length === 0 ? undefined : `(${rows.whose}) and (${values.join(" or ")})`;
}

/** The tables with rows about persons, in the order of deletion. */
export function personalTables(tables: Tables): (readonly [name: string, table: PersonalTable])[] {
  return Object.entries(tables).flatMap(([name, table]) => (table.rows === undefined ? [] : [[name, table] as const]));
}

function eraseStatements(tables: Tables): string[] {
  return personalTables(tables).flatMap(([name, table]) => {
    const { rows, columns } = table;
    const left = leftIn(table);
    if (left === undefined) {
      return [];
    }
    const free = rows.neededWhile === undefined ? "" : `and not (${rows.neededWhile})`;
    const found = `select t.ctid from ${name} as t where ${left} ${free} limit ${rowsAtOnce} for update of t`;
    const values = erasedColumns(columns).map(([column, { to }]) => `${column} = ${to}`);
    return rows.areDeleted
      ? `delete from ${name} where ctid = any(array(${found}))`
      : `update ${name} as t set ${values.join(", ")} where t.ctid = any(array(${found}))`;
  });
}

function erasedColumns(columns: PersonalTable["columns"]): [name: string, column: Erased][] {
  return Object.entries(columns).flatMap(([name, column]) => (column.kind === "erased" ? [[name, column]] : []));
}
