import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { isWebhookSigned } from "@sagacart/provider/webhook-signature";
import { reasons } from "../reasons.ts";
import { settle } from "../shipments/results.ts";
import { lockShipments } from "../shipments/shipment-store.ts";
import { parseCarrierEvent } from "./webhook.ts";

export type Inbox = AsyncDisposable & {
  /** Stores what the carrier sent. What came before is taken in once. */
  receive(webhook: { provider: string; body: Uint8Array; signature: string }): Promise<void>;
};

export type InboxOptions = {
  pool: Pool;
  log: Log;
  clock: Clock;
  feed: EventFeed;
  commands: CommandOutbox;
  /** What the carrier signs with. */
  secret: string;
  /** How often to look for what was kept because its shipment was not there. */
  pollMs?: number;
};

/**
 * What the carrier tells: stored first, so that it may be acknowledged, and then applied. What is about a shipment that
 * is not there stays, and is applied when that turns up.
 */
export function createInbox({ pool, log, clock, feed, commands, secret, pollMs = 1_000 }: InboxOptions): Inbox {
  let wake = () => {};
  const loop = startLoop({
    name: "webhook-inbox",
    log,
    wake: {
      subscribe(listener) {
        wake = listener;
        return () => {};
      },
    },
    async run() {
      const count = await withTransaction(pool, applyDue);
      if (count > 0) {
        feed.notify();
        commands.notify();
      }
      return count === limit ? "again" : { waitMs: pollMs };
    },
  });
  return {
    async receive({ provider, body, signature }) {
      if (provider !== "carrier") {
        const message = `there is no provider ${JSON.stringify(provider)}; there is "carrier"`;
        throw new DomainError(reasons, "PROVIDER_NOT_FOUND", message, { provider });
      }
      if (!isWebhookSigned(body, signature, secret, clock.now())) {
        throw new DomainError(reasons, "BAD_SIGNATURE", "the webhook is not signed by the carrier, or 5 minutes ago");
      }
      const event = parseCarrierEvent(body);
      if (event === undefined) {
        throw new DomainError(reasons, "BAD_WEBHOOK", "the body is not an event as the carrier sends them");
      }
      await pool.query({
        name: "insert-webhook",
        text: `insert into webhook_inbox (provider, event_id, order_id, body) values ($1, $2, $3, $4)
               on conflict do nothing`,
        values: [provider, event.id, event.orderId, body],
      });
      wake();
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

const limit = 200;

/** Applies what is due, and says how much that was. */
async function applyDue(tx: Transaction): Promise<number> {
  const { rows } = await tx.query<{ order_id: string; body: Uint8Array; receive_time: Date }>({
    name: "claim-webhooks",
    text: `update webhook_inbox i set process_time = now()
           where (provider, event_id) in (
             select provider, event_id from webhook_inbox i
             where process_time is null and exists (select 1 from shipments s where s.order_id = i.order_id)
             order by receive_time limit ${limit} for update skip locked)
           returning order_id, body, receive_time`,
  });
  const locked = await lockShipments(tx, rows.map((row) => row.order_id).sort());
  const inOrder = rows.toSorted((a, b) => a.receive_time.getTime() - b.receive_time.getTime());
  const results = inOrder.flatMap((row) => {
    const decision = parseCarrierEvent(row.body)?.decision;
    return decision === undefined ? [] : [{ orderId: row.order_id, answer: decision }];
  });
  await settle(tx, locked, results, { answering: false });
  return rows.length;
}
