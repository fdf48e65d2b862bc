import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { createWebhookInbox, type Keyed, type WebhookInbox } from "@sagacart/provider/webhook-inbox";
import { settle } from "../shipments/settle.ts";
import type { Decision } from "../shipments/shipment.ts";
import { findShipments, lockShipments } from "../shipments/shipment-store.ts";
import { readCarrierWebhook } from "./carrier-webhook.ts";

export type CarrierInboxOptions = {
  pool: Pool;
  log: Log;
  clock: Clock;
  feed: EventFeed;
  commands: CommandOutbox;
  /** The valid keys of the carrier's signatures. */
  secrets: readonly string[];
};

/** The webhooks of the carrier; each settles the shipment that it is about. */
export function createCarrierInbox(options: CarrierInboxOptions): WebhookInbox {
  const { feed, commands } = options;
  return createWebhookInbox({
    ...options,
    provider: "carrier",
    sender: "the carrier",
    read: readCarrierWebhook,
    apply: applyAnswers,
    async findChanges(pool, keys) {
      const shipments = await findShipments(pool, [...new Set(keys)]);
      return new Map([...shipments].map(([orderId, { updateTime }]) => [orderId, updateTime]));
    },
    onApplied() {
      feed.notify();
      commands.notify();
    },
  });
}

async function applyAnswers(
  tx: Transaction,
  answers: readonly Keyed<Decision>[],
): Promise<{ has(answer: Keyed<Decision>): boolean }> {
  const shipments = await lockShipments(tx, answers.map(({ key }) => key).sort());
  const results = answers.map(({ key, answer }) => ({ orderId: key, answer }));
  await settle(tx, shipments, results, { answering: false });
  return { has: ({ key }) => shipments.has(key) };
}
