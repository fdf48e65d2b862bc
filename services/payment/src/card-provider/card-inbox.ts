import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { createWebhookInbox, type Keyed, type WebhookInbox } from "@sagacart/provider/webhook-inbox";
import { recordDispute } from "../disputes/record-dispute.ts";
import { uuidPattern } from "../ids.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { findPayments, lockPayments } from "../payments/payment-store.ts";
import { settle } from "../payments/settle.ts";
import { recordRefund } from "../refunds/outside-refund.ts";
import { type CardNews, readCardWebhook } from "./card-webhook.ts";
import type { Result } from "./job.ts";

export type CardInboxOptions = {
  pool: Pool;
  log: Log;
  clock: Clock;
  ledger: Ledger;
  feed: EventFeed;
  commands: CommandOutbox;
  /** The valid keys of the card provider's signatures. */
  secrets: readonly string[];
  retryMs: number;
};

/** The webhooks of the card provider: each settles a payment, or records a refund or a dispute of it. */
export function createCardInbox(options: CardInboxOptions): WebhookInbox {
  const { feed, commands } = options;
  return createWebhookInbox({
    ...options,
    provider: "card",
    sender: "the card provider",
    read: readCardWebhook,
    apply: (tx, answers) => applyAnswers(tx, options, answers),
    async findChanges(pool, keys) {
      const payments = await findPayments(pool, [...new Set(keys.filter((key) => uuidPattern.test(key)))]);
      return new Map([...payments].map(([id, { updateTime }]) => [id, updateTime]));
    },
    onApplied() {
      feed.notify();
      commands.notify();
    },
  });
}

/** Applies news, those about charges first: a refund or a dispute waits until its charge is known to be captured. */
async function applyAnswers(
  tx: Transaction,
  options: CardInboxOptions,
  answers: readonly Keyed<CardNews>[],
): Promise<{ has(answer: Keyed<CardNews>): boolean }> {
  const { ledger, log, retryMs } = options;
  const news = answers.filter(({ key }) => uuidPattern.test(key));
  // All at once, so that two transactions with the same payments do not deadlock.
  await lockPayments(tx, [...new Set(news.map(({ key }) => key))]);
  const done = new Set<Keyed<CardNews>>();
  const results = news.flatMap(({ key, answer }): Result[] =>
    answer.kind === "refunded" || answer.kind === "disputed" ? [] : [{ kind: "charge", paymentId: key, answer }],
  );
  const settled = await settle(tx, { ledger, log, results, answering: false, retryMs });
  for (const item of news) {
    const { key, answer } = item;
    if (answer.kind === "refunded" || answer.kind === "disputed") {
      if (await record(tx, options, key, answer)) {
        done.add(item);
      }
    } else if (settled.has(key)) {
      done.add(item);
    }
  }
  return done;
}

async function record(
  tx: Transaction,
  options: CardInboxOptions,
  paymentId: string,
  news: Extract<CardNews, { kind: "refunded" | "disputed" }>,
): Promise<boolean> {
  const payment = (await lockPayments(tx, [paymentId])).get(paymentId);
  if (payment === undefined || payment.capturedMinor === 0n) {
    return false;
  }
  if (news.kind === "refunded") {
    return await recordRefund(tx, options, payment, news);
  }
  await recordDispute(tx, options, payment, news);
  return true;
}
