import { networkOf } from "@sagacart/chassis/client/network";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Clock } from "@sagacart/chassis/time/clock";
import { reasons } from "../reasons.ts";
import { deleteBudgets, spend } from "./anonymous-budget-store.ts";

/** Limits of a count and an amount within an hour. 0: no limit. */
export type HourlyLimit = { readonly count: number; readonly amount: number };

/** The limits of what callers without a sign-in store within an hour. */
export type AnonymousLimits = {
  /** Writes and bytes from one network. */
  readonly storagePerNetwork: HourlyLimit;
  /** Writes and bytes from everywhere. */
  readonly storage: HourlyLimit;
  /** Orders to be paid later, and their units, from one network. A guest is a new customer with each cart. */
  readonly unpaidPerNetwork: HourlyLimit;
};

const none: HourlyLimit = { count: 0, amount: 0 };
export const unlimitedAnonymous: AnonymousLimits = { storagePerNetwork: none, storage: none, unpaidPerNetwork: none };

/** Counts what guests store. Each throws RESOURCE_EXHAUSTED / ANONYMOUS_BUDGET once the hour's budget is spent. */
export type AnonymousBudget = {
  /** Counts one write of about this many bytes. Call it before the write: a crash in between costs only budget. */
  store(bytes: number): Promise<void>;
  /** Counts one order that is to be paid later. */
  holdUnpaid(units: number): Promise<void>;
};

/**
 * Counts in the database, so that all processes share the budgets. Windows are the hours of the clock: over two of them a
 * network may store twice the budget within minutes, and no more on the average.
 *
 * The network's budget is spent first: a caller who has spent it takes nothing from everybody's.
 */
export function createAnonymousBudget(options: { pool: Pool; clock: Clock; limits: AnonymousLimits }): AnonymousBudget {
  const { pool, clock, limits } = options;

  async function charge(limit: string, amount: number, { key, most }: { key: string; most: HourlyLimit }) {
    if (most.count === 0 && most.amount === 0) {
      return;
    }
    const now = clock.now().getTime();
    const windowStart = new Date(now - (now % hourMs));
    const bounds = { count: most.count || unbounded, amount: most.amount || unbounded };
    if (!(await spend(pool, { key, windowStart, amount, most: bounds }))) {
      throw budgetSpent(limit, windowStart.getTime() + hourMs - now);
    }
  }

  return {
    async store(bytes) {
      await charge("storage_per_network", bytes, {
        key: `storage of ${callersNetwork()}`,
        most: limits.storagePerNetwork,
      });
      await charge("storage", bytes, { key: "storage", most: limits.storage });
    },
    async holdUnpaid(units) {
      await charge("unpaid_per_network", units, {
        key: `unpaid of ${callersNetwork()}`,
        most: limits.unpaidPerNetwork,
      });
    },
  };
}

const hourMs = 3_600_000;
const unbounded = Number.MAX_SAFE_INTEGER;

/** Deletes the budgets of past hours in the background. */
export function forgetOldBudgets({ pool, clock, log }: { pool: Pool; clock: Clock; log: Log }): AsyncDisposable {
  const limit = 10_000;
  return startLoop({
    name: "forget-old-budgets",
    log,
    async run() {
      // An hour more than is needed: the clocks of other processes may be behind.
      const before = new Date(clock.now().getTime() - 2 * hourMs);
      const deleted = await deleteBudgets(pool, { before, limit });
      return deleted === limit ? "again" : { waitMs: 600_000 };
    },
  });
}

/**
 * About the bytes that a write takes, with its indexes and row headers: a cart of 100 lines takes 38 kB. A test compares
 * these with the growth of the tables.
 */
const bytesOf = { cart: 600, line: 400, request: 400, order: 6_000 };

/** Returns the bytes of a guest's cart with this many lines. */
export function cartBytes(lines: number): number {
  return bytesOf.cart + lines * bytesOf.line;
}

/** Returns the bytes of a change that writes this many lines of a cart, and remembers its request id if it has one. */
export function changeBytes(lines: number, requestId = ""): number {
  return lines * bytesOf.line + (requestId === "" ? 0 : bytesOf.request);
}

/** Returns the bytes of an order with its lines, events, commands and changes. */
export function orderBytes(lines: number): number {
  return bytesOf.order + bytesOf.request + lines * bytesOf.line;
}

/** All callers whose address is not known share one budget: the gateway always tells the address. */
function callersNetwork(): string {
  const address = callContext()?.clientAddress ?? "";
  return address === "" ? "unknown" : networkOf(address);
}

function budgetSpent(limit: string, waitMs: number): DomainError {
  const seconds = `${Math.ceil(waitMs / 1_000)}`;
  const what = {
    storage_per_network: "callers without a sign-in on your network have stored",
    storage: "callers without a sign-in have stored",
    unpaid_per_network: "guests on your network have left unpaid",
  }[limit];
  const message = `${what} as much as is allowed within an hour; sign in, or try again in ${seconds} s`;
  return new DomainError(
    reasons,
    "ANONYMOUS_BUDGET",
    message,
    { limit, retry_after_seconds: seconds },
    { retryAfterMs: waitMs },
  );
}
