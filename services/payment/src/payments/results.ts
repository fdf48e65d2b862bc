import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { type DelayTimes, delayPayments, delayRefunds } from "../card-provider/ask-store.ts";
import type { Result } from "../card-provider/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { settle } from "./settle.ts";

/**
 * Writes what the provider said. `answering`: the callers that asked are being answered, and those whose payment or
 * refund is still PENDING are told to wait. Otherwise nobody is listening any more, and whatever is settled records a
 * command.
 */
export type WriteResults = (results: readonly Result[], options: { answering: boolean }) => Promise<void>;

export type ResultsOptions = DelayTimes & {
  pool: Pool;
  log: Log;
  ledger: Ledger;
  feed: EventFeed;
  commands: CommandOutbox;
};

export function createResults({ pool, log, ledger, feed, commands, ...times }: ResultsOptions): WriteResults {
  return async (results, { answering }) => {
    if (results.length === 0) {
      return;
    }
    await withTransaction(pool, async (tx) => {
      await settle(tx, { ledger, log, results, answering, retryMs: times.retryMs });
      await delay(tx, results, { ...times, answering });
    });
    feed.notify();
    commands.notify();
  };
}

/** What is still PENDING stays so, and is asked for again. */
async function delay(
  tx: Transaction,
  results: readonly Result[],
  times: DelayTimes & { answering: boolean },
): Promise<void> {
  const payments = results.flatMap(({ kind, paymentId, answer: { kind: why } }) =>
    kind !== "refund" && isDelay(why) ? [{ id: paymentId, why, state: kind === "charge" ? "PENDING" : "VOIDED" }] : [],
  );
  const refunds = results.flatMap((result) => {
    const why = result.answer.kind;
    return result.kind === "refund" && isDelay(why) ? [{ id: result.refundId, why }] : [];
  });
  await delayPayments(tx, payments, times);
  await delayRefunds(tx, refunds, times);
}

function isDelay(why: Result["answer"]["kind"]) {
  return why === "pending" || why === "failed" || why === "unasked" || why === "under_way";
}
