import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { Histogram } from "prom-client";
import type { Log } from "../process/log.ts";
import { gauge, type Metrics } from "../process/metrics.ts";
import { inContext, tracedClients } from "../trace/sql.ts";
import { DatabaseUnavailableError, endsConnection, isContention, markLost } from "./failure.ts";

/** What a statement can be given to: a pool, or the client of a transaction. */
export type Queryable = Pick<pg.Pool | pg.PoolClient, "query">;
export type Pool = pg.Pool;
export type Transaction = pg.PoolClient;

export type PoolOptions = {
  url: string;
  /** The most connections at once; calls wait for one for at most 5 s. */
  size: number;
  applicationName: string;
  log: Log;
  metrics?: Metrics;
  /** How long a connection may be silent after a statement; 20 s, which is longer than a statement may take. */
  silenceMs?: number;
};

/**
 * A pool that reads int8 as bigint, timestamptz as Date, numeric and date as text; with a limit on connecting (5 s),
 * on a statement (15 s) and on idling inside a transaction (30 s). A connection that breaks while idle is logged.
 * When there is no connection to be had, it fails with DatabaseUnavailableError.
 *
 * After a failover the connections to the old primary go: those that were ended at once, those to a server that is
 * read-only now when it says so, and those to a machine that is gone without a word after about 20 s.
 */
export function createPool(options: PoolOptions): Pool {
  const waits = options.metrics === undefined ? undefined : waitHistogram(options.metrics);
  const pool = new MeasuredPool(
    {
      connectionString: options.url,
      max: options.size,
      application_name: options.applicationName,
      types,
      connectionTimeoutMillis: 5_000,
      statement_timeout: 15_000,
      query_timeout: options.silenceMs ?? 20_000,
      idle_in_transaction_session_timeout: 30_000,
      // After five runs a named statement may get a plan that is kept until the next analyze. One that was made while a
      // table was small read the whole table when it was large: a batch that takes 35 ms took 690. Services find rows
      // by index and bring them together a few at a time, so plans that would do otherwise are not considered. To plan
      // each time instead took 60 % of the database's time for one order alone.
      options: `-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off ${noticesLostClients}`,
      idleTimeoutMillis: 60_000,
      // After a failover or behind a balancer, old connections must not live for ever.
      maxLifetimeSeconds: 1_800,
      ...keepAlive,
      ...tracedClients(),
    },
    waits,
  );
  // The pool listens to idle connections only: one that breaks while it is in use would end the process.
  pool.on("connect", (client) => {
    client.on("error", (error) => {
      markLost(error);
      options.log.warn({ error }, "a database connection broke");
    });
  });
  pool.on("error", () => {});
  if (options.metrics !== undefined) {
    gauge(options.metrics, "postgres_pool_connections", "Connections there are.", () => pool.totalCount);
    gauge(options.metrics, "postgres_pool_limit", "The most connections there may be.", () => options.size);
    gauge(options.metrics, "postgres_pool_idle", "Connections that nobody uses.", () => pool.idleCount);
    gauge(options.metrics, "postgres_pool_waiting", "Calls that wait for a connection.", () => pool.waitingCount);
  }
  return pool;
}

/** Finds out within 20 s that an idle connection leads to nobody: then 10 s of silence and 10 questions in 10 s. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/**
 * The server finds out too, and gives back what the connection of a machine that is gone had locked: a lead, above all.
 * By itself it would after two hours.
 */
const noticesLostClients =
  "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=30000";

export type TransactionOptions = {
  /** How often to try in all when the database says that others were in the way (40001, 40P01). */
  attempts?: number;
};

/**
 * Runs `fn` in one transaction: commits when it returns, rolls back when it throws. Serialization failures and
 * deadlocks are tried again with a growing, jittered pause, so `fn` may run several times and must do nothing but
 * SQL. READ COMMITTED unless told otherwise.
 */
export async function withTransaction<T>(
  pool: Pool,
  fn: (tx: Transaction) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const attempts = options.attempts ?? 5;
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(pool, fn);
    } catch (error) {
      if (attempt >= attempts || !isContention(error)) {
        throw error;
      }
      await setTimeout(Math.random() * 5 * 2 ** attempt);
    }
  }
}

async function runOnce<T>(pool: Pool, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("begin");
    const result = await fn(client);
    const { command } = await client.query("commit");
    // Postgres answers ROLLBACK to the commit of a transaction in which a statement failed.
    if (command !== "COMMIT") {
      throw new Error("the transaction was rolled back: a statement in it failed, and the error was swallowed");
    }
    return result;
  } catch (error) {
    if (endsConnection(error)) {
      broken = error instanceof Error ? error : new Error(String(error));
    } else {
      await client.query("rollback").catch((reason: Error) => {
        broken = reason;
      });
    }
    throw error;
  } finally {
    client.release(broken);
  }
}

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: boolean | Error) => void,
) => void;

class MeasuredPool extends pg.Pool {
  readonly #waits: Histogram | undefined;

  constructor(config: pg.PoolConfig, waits: Histogram | undefined) {
    super(config);
    this.#waits = waits;
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    const { promise, resolve, reject } = Promise.withResolvers<pg.PoolClient>();
    const stop = this.#waits?.startTimer();
    const answer = callback && inContext(callback);
    super.connect((error, client, done) => {
      stop?.();
      const failed =
        error && new DatabaseUnavailableError(`no database connection: ${error.message}`, { cause: error });
      if (answer !== undefined) {
        answer(failed, client, done);
      } else if (client === undefined) {
        reject(failed);
      } else {
        resolve(client);
      }
    });
    return answer === undefined ? promise : undefined;
  }
}

function waitHistogram(metrics: Metrics): Histogram {
  return new Histogram({
    name: "postgres_pool_wait_seconds",
    help: "How long calls waited for a database connection.",
    buckets: [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [metrics],
  });
}

const oids = { int8: 20, date: 1082, int8Array: 1016 };

/** pg's own parser gives texts. */
function parseInt8Array(text: string): (bigint | null)[] {
  const items: (string | null)[] = pg.types.getTypeParser(oids.int8Array, "text")(text);
  return items.map((item) => (item === null ? null : BigInt(item)));
}

/** int8 does not fit a number, and a date has no time zone to make a Date of. */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: "text" | "binary") {
    if (format === "binary") {
      return pg.types.getTypeParser(oid, "binary");
    }
    switch (oid) {
      case oids.int8:
        return BigInt;
      case oids.int8Array:
        return parseInt8Array;
      case oids.date:
        return (text: string) => text;
      default:
        return pg.types.getTypeParser(oid, "text");
    }
  },
};
