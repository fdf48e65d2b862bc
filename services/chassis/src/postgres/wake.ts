import pg from "pg";
import type { Log } from "../process/log.ts";
import { backoffMs } from "../time/backoff.ts";
import { keepAlive } from "./pool.ts";

export type WakeOptions = {
  /** The database whose NOTIFY carries it: directly, since a pooler in transaction mode drops LISTEN. */
  url: string;
  /** The channel's name: lower case letters, digits and _. */
  channel: string;
  log: Log;
  /** How long wakes are gathered before the other processes hear of them. */
  gatherMs?: number;
};

export type Wake = AsyncDisposable & {
  /** Says that there is something to do. Cheap: call it as often as you like. */
  wake(): void;
  /** Tells the other processes only: for who has told its own subscribers by itself, and better. */
  wakeOthers(): void;
  /** Calls `listener` after each wake, this process' or another's. Returns what ends it. */
  subscribe(listener: () => void): () => void;
};

/**
 * A knock on the door of those who wait for work in a table. Subscribers here are called at once, those in other
 * processes by a NOTIFY: it says that something came, not what, so nothing is lost when knocks are merged.
 *
 * It has a connection of its own and makes a new one when that is lost. Whenever it is connected (again) it wakes,
 * since something may have been missed. Subscribers should look by themselves now and then all the same.
 */
export function createWake(options: WakeOptions): Wake {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.channel)) {
    throw new Error(`${options.channel} is not a channel's name: lower case letters, digits and _, at most 63`);
  }
  const listeners = new Set<() => void>();
  const knock = gathered(() => {
    for (const listener of listeners) {
      listener();
    }
  });
  const line = createLine(options, knock);
  return {
    wake() {
      knock();
      line.notify();
    },
    wakeOthers: () => line.notify(),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.asyncDispose]: () => line.close(),
  };
}

/** Many calls in one turn become one. */
function gathered(fn: () => void): () => void {
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

type Line = { notify(): void; close(): Promise<void> };

function createLine({ url, channel, log, gatherMs = 5 }: WakeOptions, onKnock: () => void): Line {
  let client: pg.Client | undefined;
  /** There was a wake that the others have not been told of. */
  let owed = false;
  let failures = 0;
  let closed = false;
  let saying: Promise<unknown> = Promise.resolve();
  let flushTimer: NodeJS.Timeout | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let connecting = connect();
  const pings = setInterval(ping, pingMs);

  async function connect(): Promise<void> {
    const next = createClient(url, channel);
    next.on("error", (error) => drop(next, error));
    next.on("end", () => drop(next));
    next.on("notification", ({ processId }) => {
      // What we said ourselves is known here already.
      if (!("processID" in next) || processId !== next.processID) {
        onKnock();
      }
    });
    try {
      await next.connect();
      await next.query(`listen ${channel}`);
    } catch (error) {
      next.end().catch(() => {});
      retryLater(error);
      return;
    }
    failures = 0;
    client = next;
    onKnock();
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
    log.warn({ error, channel, pauseMs: Math.round(pauseMs) }, "the connection for wakes is down; trying again");
    retryTimer = setTimeout(() => {
      connecting = connect();
    }, pauseMs);
  }

  function ping(): void {
    const pinged = client;
    if (pinged !== undefined) {
      say(pinged, "select 1").catch((error) => drop(pinged, error));
    }
  }

  /** One statement after the other: a connection takes no second one before it has answered the first. */
  function say(speaker: pg.Client, statement: string): Promise<unknown> {
    const said = saying.then(() => speaker.query(statement));
    saying = said.catch(() => {});
    return said;
  }

  function flush(): void {
    flushTimer = undefined;
    const told = client;
    if (!owed || told === undefined) {
      return;
    }
    owed = false;
    say(told, `notify ${channel}`).catch((error) => {
      owed = true;
      drop(told, error);
    });
  }

  return {
    notify() {
      owed = true;
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
      await saying;
      await last?.end().catch(() => {});
    },
  };
}

function createClient(url: string, channel: string): pg.Client {
  return new pg.Client({
    connectionString: url,
    application_name: `wake ${channel}`,
    connectionTimeoutMillis: 5_000,
    // A connection that died without a word answers nothing: this and the pings find out.
    query_timeout: 5_000,
    ...keepAlive,
  });
}

const pingMs = 15_000;
