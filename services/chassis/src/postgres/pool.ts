import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { Histogram } from "prom-client";
import type { Log } from "../process/log.ts";
import { gauge, type Metrics } from "../process/metrics.ts";
import { inContext, tracedClients } from "../trace/sql.ts";
import { type Credentials, credentialsOf, passwordAttempts } from "./credentials.ts";
import { DatabaseUnavailableError, endsConnection, isContention, markLost } from "./failure.ts";

/** Runs statements: a pool, or the client of a transaction. */
export type Queryable = Pick<pg.Pool | pg.PoolClient, "query">;
export type Pool = pg.Pool;
export type Transaction = pg.PoolClient;

export type PoolOptions = {
  url: string;
  /** The most connections; calls wait for one for at most 5 s. */
  size: number;
  applicationName: string;
  log: Log;
  metrics?: Metrics;
  /** How long a statement may go unanswered, in ms; by default 20,000, which is longer than its timeout. */
  silenceMs?: number;
};

/**
 * Creates a pool that reads int8 as bigint, timestamptz as Date, numeric and date as text, with limits on connecting (5 s),
 * statements (15 s) and idle transactions (30 s). Logs connections that break while idle. Fails with
 * DatabaseUnavailableError if there is no connection within the limit.
 *
 * After a failover, connections to the old primary are dropped: closed ones at once, those to a server that is read-only
 * now at its first refusal, and those to a machine that vanished after about 20 s.
 *
 * A URL from a file may change its password: new connections use what the file says, or the password before if the server
 * does not know the new one yet. Open connections stay.
 */
export function createPool(options: PoolOptions): Pool {
  const waits = options.metrics === undefined ? undefined : waitHistogram(options.metrics);
  const credentials = credentialsOf(options.url);
  const pool = new ServicePool(
    {
      max: options.size,
      application_name: options.applicationName,
      types,
      connectionTimeoutMillis: 5_000,
      statement_timeout: 15_000,
      query_timeout: options.silenceMs ?? 20_000,
      idle_in_transaction_session_timeout: 30_000,
      // After five runs, a named statement may get a generic plan that is kept until the next analyze. One made while a
      // table was small scanned the whole table when it had grown: a batch that takes 35 ms took 690. Services find rows
      // by index and join few at a time, so plans with scans and hash or merge joins are turned off. Planning each time
      // instead took 60 % of the database's time for a single order.
      options: `-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off ${noticesLostClients}`,
      idleTimeoutMillis: 60_000,
      // After a failover or behind a load balancer, old connections must not live for ever.
      maxLifetimeSeconds: 1_800,
      ...keepAlive,
      ...tracedClients(),
    },
    credentials,
    waits,
  );
  // The pool listens to idle connections only. Without a listener, one that breaks in use would end the process.
  pool.on("connect", (client) => {
    client.on("error", (error) => {
      markLost(error);
      options.log.warn({ error }, "a database connection broke");
    });
  });
  pool.on("error", () => {});
  if (options.metrics !== undefined) {
    gauge(options.metrics, "postgres_pool_connections", "Open connections.", () => pool.totalCount);
    gauge(options.metrics, "postgres_pool_limit", "The most connections.", () => options.size);
    gauge(options.metrics, "postgres_pool_idle", "Idle connections.", () => pool.idleCount);
    gauge(options.metrics, "postgres_pool_waiting", "Calls waiting for a connection.", () => pool.waitingCount);
  }
  return pool;
}

/** Detects a dead idle connection within 20 s: after 10 s of silence, 10 probes in 10 s. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/**
 * Lets the server detect vanished clients too, and release their locks, above all leader locks. Its default would be two
 * hours.
 */
const noticesLostClients =
  "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=30000";

export type TransactionOptions = {
  /** The most attempts in case of contention (40001, 40P01, 55P03); by default 5. */
  attempts?: number;
};

/**
 * Runs `fn` in one READ COMMITTED transaction: commits when it returns, rolls back when it throws. Serialization failures
 * and deadlocks are retried with a growing, jittered pause, so `fn` may run several times and must do nothing but SQL.
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
    // Postgres answers ROLLBACK to a commit if a statement of the transaction failed.
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

class ServicePool extends pg.Pool {
  readonly #credentials: Credentials;
  readonly #waits: Histogram | undefined;

  constructor(config: pg.PoolConfig, credentials: Credentials, waits: Histogram | undefined) {
    super(config);
    this.#credentials = credentials;
    this.#waits = waits;
    // The pool makes each client with its options, so each is made with the URL of its time.
    Object.defineProperty(this.options, "connectionString", { get: () => credentials.url(), enumerable: true });
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    const { promise, resolve, reject } = Promise.withResolvers<pg.PoolClient>();
    const stop = this.#waits?.startTimer();
    const answer = callback && inContext(callback);
    this.#connect(passwordAttempts, (error, client, done) => {
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

  /** Connects, with the other password if the server refuses one while it is changed. */
  #connect(attempts: number, answer: ConnectCallback): void {
    // An idle connection needs no password: most calls take one, and must not read a file for it.
    const used = this.idleCount > 0 ? "" : this.#credentials.url();
    super.connect((error, client, done) => {
      if (error !== undefined && attempts > 1 && this.#credentials.hasOther(used, error)) {
        this.#connect(attempts - 1, answer);
      } else {
        answer(error, client, done);
      }
    });
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

/** pg's own parser gives strings. */
function parseInt8Array(text: string): (bigint | null)[] {
  const items: (string | null)[] = pg.types.getTypeParser(oids.int8Array, "text")(text);
  return items.map((item) => (item === null ? null : BigInt(item)));
}

/** int8 does not fit a number, and a date has no time zone for a Date. */
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
