import { createHash } from "node:crypto";
import type { Queryable } from "@sagacart/chassis/postgres/pool";

/** An amount that is spent of a budget. */
export type Expense = {
  /** Names the budget, for example the storage of a network. Only its hash is stored. */
  readonly key: string;
  readonly windowStart: Date;
  readonly amount: number;
  readonly most: { readonly count: number; readonly amount: number };
};

/**
 * Spends the amount and counts one, if both then are within the limits. Returns false, and changes nothing, if not. One
 * statement that locks the row, so that concurrent callers in any number of processes never exceed a limit together.
 */
export async function spend(db: Queryable, { key, windowStart, amount, most }: Expense): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "spend-anonymous-budget",
    text: `insert into anonymous_budgets as b (key, window_start, count, amount)
           select $1::bytea, $2::timestamptz, 1, $3::bigint where $4::bigint >= 1 and $3 <= $5::bigint
           on conflict (key, window_start) do update set count = b.count + 1, amount = b.amount + excluded.amount
           where b.count < $4 and b.amount + excluded.amount <= $5`,
    values: [createHash("sha256").update(key).digest(), windowStart, amount, most.count, most.amount],
  });
  return rowCount === 1;
}

/** Deletes at most `limit` budgets of windows that began before this time. Returns their number. */
export async function deleteBudgets(
  db: Queryable,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  const { rowCount } = await db.query(
    `delete from anonymous_budgets where ctid = any(array(
       select ctid from anonymous_budgets where window_start < $1 limit $2))`,
    [before, limit],
  );
  return rowCount ?? 0;
}
