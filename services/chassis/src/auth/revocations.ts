import { setTimeout as sleep } from "node:timers/promises";
import { strictFetch } from "../client/fetch.ts";
import type { Log } from "../process/log.ts";
import { startLoop } from "../process/loop.ts";
import { gauge, type Metrics } from "../process/metrics.ts";
import type { Principal } from "./principal.ts";
import type { SecurityLog } from "./security-log.ts";

/** The access tokens that are refused before they expire, as the issuer tells them. */
export type Revocations = {
  /** False until the issuer has told them once: until then no person's token can be judged. */
  isKnown(): boolean;
  /** Returns true if the principal's token is refused: for its session, its user, or the key that signed it. */
  isRevoked(principal: Principal): boolean;
  /** Returns true if the key was replaced and its tokens are refused. */
  isReplacedKey(keyId: string): boolean;
  /** Counts the changes of the list of replaced keys: after one, the issuer's keys have to be fetched anew. */
  keyChanges(): number;
};

/** The revocations since a cursor. Entries may come twice. */
export type RevocationPage = {
  /** The cursor to read on from. */
  readonly cursor: string;
  /** Sessions that have ended, each with the time from which no token of it is left, in ms since the epoch. */
  readonly sessions: readonly (readonly [sessionId: string, untilMs: number])[];
  /** Users whose tokens of an earlier version are refused. */
  readonly users: readonly (readonly [userId: string, version: number, untilMs: number])[];
  /**
   * All signing keys that were replaced before their time, whatever the cursor, each with the time in ms after which its
   * tokens are refused: not a date, since clocks differ. Absent from a process of an earlier release.
   */
  readonly keys?: readonly (readonly [keyId: string, refusedInMs: number])[] | undefined;
};

/** Reads what was revoked since the cursor; "" for all that still matters. */
export type ReadRevocations = (cursor: string, signal: AbortSignal) => Promise<RevocationPage>;

export type RevocationOptions = {
  read: ReadRevocations;
  log: Log;
  metrics?: Metrics | undefined;
  /** Records that the list cannot be read. */
  security?: Pick<SecurityLog, "controlFailed"> | undefined;
  /** The time between two reads. */
  intervalMs?: number;
};

/** Revocations that are followed in the background. */
export type FollowedRevocations = Revocations &
  AsyncDisposable & {
    /** Resolves when they are known, or after `waitMs`. */
    known(waitMs: number): Promise<void>;
  };

/**
 * Follows the issuer's revocations in memory: a call costs two look-ups, and no request. An entry is kept as long as a token
 * that it refuses can live, so the memory is bounded by the sign-outs of that time, at about a hundred bytes each.
 *
 * While the issuer is away, what is known still counts. What was revoked since is refused once it is back, or when the token
 * expires, after 15 minutes; `sagacart_revocations_age_seconds` shows the gap.
 */
export function followRevocations({
  read,
  log,
  metrics,
  security,
  intervalMs = 1_000,
}: RevocationOptions): FollowedRevocations {
  const sessions = new Map<string, number>();
  const users = new Map<string, { version: number; untilMs: number }>();
  let keys = new Map<string, number>();
  let keysState = "";
  let keyChanges = 0;
  let cursor = "";
  let readMs: number | undefined;
  let swept = 0;
  const startMs = performance.now();
  const first = Promise.withResolvers<void>();

  function apply(page: RevocationPage): void {
    for (const [id, untilMs] of page.sessions) {
      sessions.set(id, untilMs);
    }
    for (const [id, version, untilMs] of page.users) {
      const before = users.get(id);
      // Pages of two processes of the issuer may come in another order than they were read.
      if (before === undefined || before.version <= version) {
        users.set(id, { version, untilMs });
      }
    }
    // One without them is of an earlier release, which knows none.
    if (page.keys !== undefined) {
      applyKeys(page.keys);
    }
    cursor = page.cursor;
  }

  function applyKeys(replaced: NonNullable<RevocationPage["keys"]>): void {
    const nowMs = performance.now();
    keys = new Map(replaced.map(([id, refusedInMs]) => [id, nowMs + refusedInMs]));
    const state = replaced.map(([id, refusedInMs]) => `${id} ${refusedInMs > 0}`).join();
    if (state !== keysState) {
      keysState = state;
      keyChanges++;
    }
  }

  function sweep(nowMs: number): void {
    for (const [id, untilMs] of sessions) {
      if (untilMs < nowMs) {
        sessions.delete(id);
      }
    }
    for (const [id, { untilMs }] of users) {
      if (untilMs < nowMs) {
        users.delete(id);
      }
    }
  }

  const loop = startLoop({
    name: "revocations",
    log,
    async run(signal) {
      const page = await read(cursor, signal).catch((error: unknown) => {
        if (!signal.aborted) {
          security?.controlFailed("revocations", error);
        }
        throw error;
      });
      apply(page);
      readMs = performance.now();
      first.resolve();
      if (readMs - swept > 10_000) {
        swept = readMs;
        sweep(Date.now());
      }
      return { waitMs: intervalMs };
    },
  });
  if (metrics !== undefined) {
    gauge(metrics, "sagacart_revocations", "Revoked sessions and users that this process knows.", () => {
      return sessions.size + users.size;
    });
    const help = "The time since this process last learned which access tokens are revoked.";
    gauge(metrics, "sagacart_revocations_age_seconds", help, () => (performance.now() - (readMs ?? startMs)) / 1000);
  }
  function isReplacedKey(id: string): boolean {
    return (keys.get(id) ?? Number.POSITIVE_INFINITY) <= performance.now();
  }

  return {
    isKnown: () => readMs !== undefined,
    isReplacedKey,
    keyChanges: () => keyChanges,
    isRevoked({ subject, sessionId, keyId, tokenVersion = 0 }) {
      if (keyId !== undefined && isReplacedKey(keyId)) {
        return true;
      }
      if (sessionId !== undefined && sessions.has(sessionId)) {
        return true;
      }
      const user = users.get(subject);
      return user !== undefined && tokenVersion < user.version;
    },
    async known(waitMs) {
      const over = new AbortController();
      await Promise.race([first.promise, sleep(waitMs, undefined, { signal: over.signal })]);
      over.abort();
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

/** Reads revocations from the address where identity serves them. */
export function readRevocationsAt(url: string): ReadRevocations {
  return async (cursor, signal) => {
    const asked = new URL(url);
    asked.searchParams.set("after", cursor);
    const response = await strictFetch(asked, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) });
    if (!response.ok) {
      throw new Error(`${url} answers ${response.status}`);
    }
    return parsePage(await response.json());
  };
}

function parsePage(answer: unknown): RevocationPage {
  if (typeof answer === "object" && answer !== null) {
    const { cursor, sessions, users, keys }: { [K in keyof RevocationPage]?: unknown } = answer;
    const hasLists = isList(sessions, isTimed) && isList(users, isUser);
    if (typeof cursor === "string" && hasLists && (keys === undefined || isList(keys, isTimed))) {
      return { cursor, sessions, users, keys };
    }
  }
  throw new Error("the answer is no page of revocations");
}

function isList<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isItem);
}

/** Returns true for an id with a number, as sessions and keys have. */
function isTimed(item: unknown): item is readonly [id: string, ms: number] {
  return Array.isArray(item) && typeof item[0] === "string" && typeof item[1] === "number";
}

function isUser(item: unknown): item is RevocationPage["users"][number] {
  return Array.isArray(item) && isTimed(item) && typeof Reflect.get(item, 2) === "number";
}
