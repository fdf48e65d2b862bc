import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { passwordFile } from "../../scripts/stack/postgres-cluster.ts";

/** A statement, its cost in a window, and its database. */
export type Statement = {
  readonly database: string;
  readonly text: string;
  readonly calls: number;
  readonly rows: number;
  /** The time in ms for execution, including lock waits, and planning. */
  readonly totalMs: number;
  readonly planMs: number;
};

export type StatementLog = AsyncDisposable & {
  reset(): Promise<void>;
  /** The statements since then, most expensive first. */
  dearest(count: number): Promise<Statement[]>;
};

/** The Postgres settings that are needed to count statements. */
export const statementSettings: Readonly<Record<string, string>> = {
  shared_preload_libraries: "pg_stat_statements",
  "pg_stat_statements.track_planning": "on",
};

/** Counts the statements of all databases of a server. Connects as its superuser. */
export async function openStatementLog(server: { port: number; dataDirectory: string }): Promise<StatementLog> {
  const password = await readFile(join(server.dataDirectory, passwordFile), "utf8");
  const client = new pg.Client({
    host: "127.0.0.1",
    port: server.port,
    user: "postgres",
    password,
    database: "postgres",
  });
  await client.connect();
  await client.query("create extension if not exists pg_stat_statements");
  return {
    async reset() {
      await client.query("select pg_stat_statements_reset()");
    },
    async dearest(count) {
      const { rows } = await client.query<Statement>(
        `select d.datname as database, s.query as text, s.calls::int, s.rows::int,
                s.total_exec_time + s.total_plan_time as "totalMs", s.total_plan_time as "planMs"
         from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname <> 'postgres'
         order by "totalMs" desc limit $1`,
        [count],
      );
      return rows.map((row) => ({ ...row, text: row.text.replaceAll(/\s+/g, " ").trim() }));
    },
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}
