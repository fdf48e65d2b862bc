import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";

/** A table whose rows a provider is asked about. It has a column `state`, and `asks`, a counter. */
export type AskTable = {
  readonly name: string;
  readonly key: string;
  readonly keyType: "uuid" | "text";
  /** The column with the time of the next ask; null in a row that needs none. */
  readonly askTime: string;
  /** The assignment for a row whose caller is told to wait, so that its settlement records a command. */
  readonly setAwaited: string;
};

/** A row that is still in this state, and why. pending: the provider will answer by webhook. */
export type Delay = {
  readonly key: string;
  readonly state: string;
  readonly why: "pending" | "failed" | "unasked" | "under_way";
};

export type DelayTimes = {
  /** The pause after the first failure; doubled with each ask, up to a minute. */
  readonly retryMs: number;
  /** The pause after the provider announced a webhook, in case it is lost. */
  readonly recheckMs: number;
};

/** Takes rows that are due, the longest due first, and counts the ask. For `leaseMs` no one else takes them. */
export async function claimAsks(
  db: Queryable,
  { name, key, askTime }: AskTable,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<string[]> {
  const { rows } = await db.query<{ key: string }>({
    name: `claim-${name}`,
    text: `update ${name} set asks = asks + 1, ${askTime} = now() + $2 * interval '1 ms'
           where ${key} in (select ${key} from ${name} where ${askTime} <= now()
                            order by ${askTime} limit $1 for update skip locked)
           returning ${key} as key`,
    values: [limit, leaseMs],
  });
  return rows.map((row) => row.key);
}

/**
 * Sets when the provider is asked again, in those rows that are still in their state. `answering`: the caller is told
 * to wait. The asks are counted where they are claimed: however many callers wait for one answer, it was asked for once,
 * and they must not put off the next try.
 */
export async function delayAsks(
  tx: Transaction,
  { name, key, keyType, askTime, setAwaited }: AskTable,
  delays: readonly Delay[],
  { answering, retryMs, recheckMs }: DelayTimes & { answering: boolean },
): Promise<void> {
  if (delays.length === 0) {
    return;
  }
  const delayed = unnest<Delay>("d", {
    key: [keyType, (delay) => delay.key],
    state: ["text", ({ state }) => state],
    why: ["text", ({ why }) => why],
  });
  await tx.query({
    name: answering ? `delay-${name}-answering` : `delay-${name}`,
    text: `update ${name} t
           set ${answering ? `${setAwaited}, ` : ""}${askTime} = case d.why
                 when 'pending' then now() + $5 * interval '1 ms'
                 when 'failed' then now() + least(60000, $4 * 2 ^ least(asks, 16)) * interval '1 ms'
                 when 'unasked' then now()
                 else ${askTime}
               end
           from ${delayed.table}
           where t.${key} = d.key and t.state = d.state and t.${askTime} is not null`,
    values: [...delayed.values(delays), retryMs, recheckMs],
  });
}

/** Returns true for the kind of an answer that decides nothing yet. */
export function isDelay(kind: string): kind is Delay["why"] {
  return kind === "pending" || kind === "failed" || kind === "unasked" || kind === "under_way";
}
