import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { findPayments } from "../payments/payment-store.ts";
import { findRefunds } from "../refunds/refund-store.ts";
import { type Job, jobOfPayment, jobOfRefund } from "./job.ts";

export type DelayTimes = {
  /** After the first failure; doubled with each, up to a minute. */
  readonly retryMs: number;
  /** After the provider said that it will tell: in case that its webhook is lost. */
  readonly recheckMs: number;
};

/** Why something stays as it is. pending: the provider will tell. The others: it was not asked, or in vain. */
export type Delay = { readonly id: string; readonly why: "pending" | "failed" | "unasked" | "under_way" };

type Options = DelayTimes & { answering: boolean };

/**
 * Says when the provider is asked again for payments that are still PENDING, or VOIDED and not known to be uncharged.
 * `answering`: somebody is being told to wait, which counts as an ask, so that whoever settles it records a command.
 */
export async function delayPayments(
  tx: Transaction,
  delays: readonly (Delay & { readonly state: string })[],
  options: Options,
): Promise<void> {
  if (delays.length > 0) {
    await tx.query({
      name: "delay-payments",
      text: `update payments p set ${delaySet}
             from unnest($1::text[]::uuid[], $2::text[], $6::text[]) as d (id, why, state)
             where p.id = d.id and p.state = d.state and next_ask_time is not null`,
      values: [...delayValues(delays, options), delays.map(({ state }) => state)],
    });
  }
}

/** Likewise for refunds. */
export async function delayRefunds(tx: Transaction, delays: readonly Delay[], options: Options): Promise<void> {
  if (delays.length > 0) {
    await tx.query({
      name: "delay-refunds",
      text: `update refunds p set ${delaySet}
             from unnest($1::text[], $2::text[]) as d (id, why)
             where p.id = d.id and p.state = 'PENDING'`,
      values: delayValues(delays, options),
    });
  }
}

// However many callers wait for one answer, it was asked for once: they must not put off the next try.
const delaySet = `asks = greatest(asks, $3::int),
                  next_ask_time = case d.why
                    when 'pending' then now() + $5 * interval '1 ms'
                    when 'failed' then now() + least(60000, $4 * 2 ^ least(asks, 16)) * interval '1 ms'
                    when 'unasked' then now()
                    else next_ask_time
                  end`;

function delayValues(delays: readonly Delay[], { answering, retryMs, recheckMs }: Options) {
  return [delays.map(({ id }) => id), delays.map(({ why }) => why), answering ? 1 : 0, retryMs, recheckMs];
}

/**
 * Takes what it is time to ask the provider for (again), the longest due first. For `leaseMs` nobody else takes it:
 * by then its answer is in, or whoever took it is gone.
 */
export async function claimJobs(db: Queryable, options: { limit: number; leaseMs: number }): Promise<Job[]> {
  const payments = await findPayments(db, await claim(db, "payments", options));
  const refunds = await findRefunds(db, await claim(db, "refunds", options));
  return [...[...payments.values()].flatMap(jobOfPayment), ...[...refunds.values()].flatMap(jobOfRefund)];
}

async function claim(
  db: Queryable,
  table: "payments" | "refunds",
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: `claim-${table}`,
    text: `update ${table} set asks = asks + 1, next_ask_time = now() + $2 * interval '1 ms'
           where id in (select id from ${table} where next_ask_time <= now()
                        order by next_ask_time limit $1 for update skip locked)
           returning id`,
    values: [limit, leaseMs],
  });
  return rows.map(({ id }) => id);
}
