import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { type Delay, type DelayTimes, delayAsks, isDelay } from "@sagacart/provider/ask-store";
import { askPayments, askRefunds } from "../card-provider/ask-store.ts";
import type { Result } from "../card-provider/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { settle } from "./settle.ts";

/**
 * Writes the card provider's answers. `answering`: the callers that asked are being answered; those whose payment or
 * refund is still PENDING are told to wait. Otherwise no caller waits any more, and each settlement records a command.
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
      await delayAsks(tx, askPayments, results.flatMap(delayOfPayment), { ...times, answering });
      await delayAsks(tx, askRefunds, results.flatMap(delayOfRefund), { ...times, answering });
    });
    feed.notify();
    commands.notify();
  };
}

function delayOfPayment({ kind, paymentId, answer: { kind: why } }: Result): Delay[] {
  return kind !== "refund" && isDelay(why)
    ? [{ key: paymentId, state: kind === "charge" ? "PENDING" : "VOIDED", why }]
    : [];
}

function delayOfRefund(result: Result): Delay[] {
  const why = result.answer.kind;
  return result.kind === "refund" && isDelay(why) ? [{ key: result.refundId, state: "PENDING", why }] : [];
}
