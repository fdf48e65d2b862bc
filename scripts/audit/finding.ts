import type pg from "pg";
import type { AuditedDatabase } from "../shop.ts";

/** A read-only connection to each of them. */
export type Databases = Readonly<Record<AuditedDatabase, pg.Client>>;

/** The laws of the design that rows can show to be broken. */
export type Law = 1 | 2 | 3 | 4 | 5;

/** A breach of a law. Two audits that see the same breach give it the same text. */
export type Finding = { readonly law: Law; readonly what: string };

/** The scope of a check, and its findings. */
export type Report = { readonly law: Law; readonly looked: readonly string[]; readonly findings: readonly Finding[] };

/** A question whose every row is a breach. `text` makes the sentence of a row. */
export type BreachQuery<Row> = { readonly law: Law; readonly sql: string; readonly text: (row: Row) => string };

/** How many breaches of one kind are told; there may be a million. */
export const mostTold = 20;

/** Asks, and turns the rows into findings. */
export async function breaches<Row extends pg.QueryResultRow>(
  db: pg.Client,
  query: BreachQuery<Row>,
): Promise<Finding[]> {
  const { rows } = await db.query<Row>(`${query.sql} limit ${mostTold}`);
  return rows.map((row) => ({ law: query.law, what: query.text(row) }));
}

/** One number. */
export async function count(db: pg.Client, sql: string): Promise<bigint> {
  const { rows } = await db.query<{ count: string }>(sql);
  return BigInt(rows[0]?.count ?? 0);
}
