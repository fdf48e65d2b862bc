import pg from "pg";
import type { Log } from "../process/log.ts";
import { backoffMs } from "../time/backoff.ts";
import { credentialsOf } from "./credentials.ts";
import { keepAlive } from "./pool.ts";

export type WakeOptions = {
  /** The database whose NOTIFY carries the wake-ups. Connect directly: a pooler in transaction mode drops LISTEN. */
  url: string;
  /** The channel's name: lower case letters, digits and _. */
  channel: string;
  log: Log;
  /** How long wake-ups are gathered before other processes are notified, in ms. */
  gatherMs?: number;
};

export type Wake = AsyncDisposable & {
  /** Wakes the subscribers of all processes: there may be work. Cheap: call it as often as you like. */
  wake(): void;
  /** Wakes only the other processes' subscribers, for callers that have notified this process's themselves. */
  wakeOthers(): void;
  /** Calls `listener` after each wake-up, from this process or another. Returns the function that unsubscribes it. */
  subscribe(listener: () => void): () => void;
};

/**
 * Wake-ups for those who wait for work in a table. Subscribers in this process are called at once, those in other processes
 * by NOTIFY. A wake-up has no content, so nothing is lost when several are merged.
 *
 * It has a connection of its own, and reconnects when that is lost. After each connect it wakes its subscribers, since
 * notifications may have been missed. Subscribers should still poll now and then.
 */
export function createWake(options: WakeOptions): Wake {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.channel)) {
    throw new Error(`${options.channel} is not a channel's name: lower case letters, digits and _, at most 63`);
  }
  const listeners = new Set<() => void>();
  const wakeListeners = oncePerTurn(() => {
    for (const listener of listeners) {
      listener();
    }
  });
  const connection = createConnection(options, wakeListeners);
  return {
    wake() {
      wakeListeners();
      connection.notify();
    },
    wakeOthers: () => connection.notify(),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** Merges the calls of one turn into one. */
function oncePerTurn(fn: () => void): () => void {
  let queued = false;
  return () => {
    if (!queued) {
      queued = true;
      queueMicrotask(() => {
        queued = false;
        fn();
      });
    }
  };
}

type Connection = { notify(): void; close(): Promise<void> };

function createConnection({ url, channel, log, gatherMs = 5 }: WakeOptions, onWake: () => void): Connection {
  const credentials = credentialsOf(url);
  let client: pg.Client | undefined;
  /** True if the other processes are yet to be notified. */
  let pending = false;
  let failures = 0;
  let closed = false;
  let lastStatement: Promise<unknown> = Promise.resolve();
  let flushTimer: NodeJS.Timeout | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let connecting = connect();
  const pings = setInterval(ping, pingMs);

  async function connect(): Promise<void> {
    const used = credentials.url();
    const next = createClient(used, channel);
    next.on("error", (error) => drop(next, error));
    next.on("end", () => drop(next));
    next.on("notification", ({ processId }) => {
      // This process's own notifications are known already.
      if (!("processID" in next) || processId !== next.processID) {
        onWake();
      }
    });
    try {
      await next.connect();
      await next.query(`listen ${channel}`);
    } catch (error) {
      next.end().catch(() => {});
      // The next attempt uses the other password, if this one was refused while it is changed.
      credentials.hasOther(used, error);
      retryLater(error);
      return;
    }
    failures = 0;
    client = next;
    onWake();
    flush();
  }

  function drop(dropped: pg.Client, error?: unknown): void {
    if (client === dropped) {
      client = undefined;
      dropped.end().catch(() => {});
      retryLater(error);
    }
  }

  function retryLater(error: unknown): void {
    if (closed) {
      return;
    }
    const pauseMs = backoffMs(failures, { firstMs: 100, longestMs: 5_000 });
    failures++;
    log.warn({ error, channel, pauseMs: Math.round(pauseMs) }, "the connection for wake-ups is down; reconnecting");
    retryTimer = setTimeout(() => {
      connecting = connect();
    }, pauseMs);
  }

  function ping(): void {
    const pinged = client;
    if (pinged !== undefined) {
      run(pinged, "select 1").catch((error) => drop(pinged, error));
    }
  }

  /** Runs statements one after the other: pg takes no second statement before it has answered the first. */
  function run(on: pg.Client, statement: string): Promise<unknown> {
    const result = lastStatement.then(() => on.query(statement));
    lastStatement = result.catch(() => {});
    return result;
  }

  function flush(): void {
    flushTimer = undefined;
    const notified = client;
    if (!pending || notified === undefined) {
      return;
    }
    pending = false;
    run(notified, `notify ${channel}`).catch((error) => {
      pending = true;
      drop(notified, error);
    });
  }

  return {
    notify() {
      pending = true;
      flushTimer ??= setTimeout(flush, gatherMs);
    },
    async close() {
      closed = true;
      clearInterval(pings);
      clearTimeout(flushTimer);
      clearTimeout(retryTimer);
      await connecting;
      flush();
      const last = client;
      client = undefined;
      await lastStatement;
      await last?.end().catch(() => {});
    },
  };
}

function createClient(url: string, channel: string): pg.Client {
  return new pg.Client({
    connectionString: url,
    application_name: `wake ${channel}`,
    connectionTimeoutMillis: 5_000,
    // A connection can die without an error. The pings and this limit detect it.
    query_timeout: 5_000,
    ...keepAlive,
  });
}

const pingMs = 15_000;
