import type pg from "pg";
import type { AuditedDatabase } from "../shop.ts";

/** A read-only connection to each audited database. */
export type Databases = Readonly<Record<AuditedDatabase, pg.Client>>;

/** The laws that can be checked in the databases. */
export type Law = 1 | 2 | 3 | 4 | 5 | 7;

/** A breach of a law. The same breach has the same text in every audit. */
export type Finding = { readonly law: Law; readonly what: string };

/** The numbers of checked rows, and the findings. */
export type Report = { readonly law: Law; readonly checked: readonly string[]; readonly findings: readonly Finding[] };

/** A query whose rows are breaches. `text` describes a row. */
export type BreachQuery<Row> = { readonly law: Law; readonly sql: string; readonly text: (row: Row) => string };

/** The most breaches of one kind that are reported; there may be a million. */
export const maxReported = 20;

/** Runs the query and converts its rows to findings. */
export async function breaches<Row extends pg.QueryResultRow>(
  db: pg.Client,
  query: BreachQuery<Row>,
): Promise<Finding[]> {
  const { rows } = await db.query<Row>(`${query.sql} limit ${maxReported}`);
  return rows.map((row) => ({ law: query.law, what: query.text(row) }));
}

/** Runs a query that counts. */
export async function count(db: pg.Client, sql: string): Promise<bigint> {
  const { rows } = await db.query<{ count: string }>(sql);
  return BigInt(rows[0]?.count ?? 0);
}
