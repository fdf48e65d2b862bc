import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { createWebhookInbox, type Keyed, type WebhookInbox } from "@sagacart/provider/webhook-inbox";
import { uuidPattern } from "../ids.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { settle } from "../payments/settle.ts";
import type { ChargeAnswer } from "./card-provider.ts";
import { readCardWebhook } from "./card-webhook.ts";
import type { Result } from "./job.ts";

export type CardInboxOptions = {
  pool: Pool;
  log: Log;
  clock: Clock;
  ledger: Ledger;
  feed: EventFeed;
  commands: CommandOutbox;
  /** The key of the card provider's signatures. */
  secret: string;
  retryMs: number;
};

/** The webhooks of the card provider; each settles the payment that it is about. */
export function createCardInbox(options: CardInboxOptions): WebhookInbox {
  const { feed, commands } = options;
  return createWebhookInbox({
    ...options,
    provider: "card",
    sender: "the card provider",
    read: readCardWebhook,
    apply: (tx, answers) => applyAnswers(tx, options, answers),
    onApplied() {
      feed.notify();
      commands.notify();
    },
  });
}

async function applyAnswers(
  tx: Transaction,
  { ledger, log, retryMs }: CardInboxOptions,
  answers: readonly Keyed<ChargeAnswer>[],
): Promise<{ has(key: string): boolean }> {
  const results = answers
    .filter(({ key }) => uuidPattern.test(key))
    .map(({ key, answer }): Result => ({ kind: "charge", paymentId: key, answer }));
  return await settle(tx, { ledger, log, results, answering: false, retryMs });
}
