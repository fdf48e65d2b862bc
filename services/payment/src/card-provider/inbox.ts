import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { isWebhookSigned } from "@sagacart/provider/webhook-signature";
import { uuidPattern } from "../ids.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { settle } from "../payments/settle.ts";
import { reasons } from "../reasons.ts";
import type { Result } from "./job.ts";
import { type ProviderEvent, parseProviderEvent } from "./webhook.ts";

export type Inbox = AsyncDisposable & {
  /** Stores what the provider sent. What came before is taken in once. */
  receive(webhook: { provider: string; body: Uint8Array; signature: string }): Promise<void>;
};

export type InboxOptions = {
  pool: Pool;
  log: Log;
  clock: Clock;
  ledger: Ledger;
  feed: EventFeed;
  commands: CommandOutbox;
  /** What the provider signs with. */
  secret: string;
  retryMs: number;
  /** How often to look for what was kept because its payment was not there. */
  pollMs?: number;
};

/**
 * What the provider tells: stored first, so that it may be acknowledged, and then applied. What is about a payment
 * that is not there stays, and is tried again, later and later.
 */
export function createInbox(options: InboxOptions): Inbox {
  const { pool, log, clock, feed, commands, secret, pollMs = 1_000 } = options;
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
      const kept = await claimDue(pool);
      await apply(options, kept);
      if (kept.length > 0) {
        feed.notify();
        commands.notify();
      }
      return kept.length === limit ? "again" : { waitMs: pollMs };
    },
  });
  return {
    async receive({ provider, body, signature }) {
      if (provider !== "card") {
        const message = `there is no provider ${JSON.stringify(provider)}; there is "card"`;
        throw new DomainError(reasons, "PROVIDER_NOT_FOUND", message, { provider });
      }
      if (!isWebhookSigned(body, signature, secret, clock.now())) {
        const message = "the webhook is not signed by the card provider, or 5 minutes ago";
        throw new DomainError(reasons, "BAD_SIGNATURE", message);
      }
      const event = parseProviderEvent(body);
      if (event === undefined) {
        throw new DomainError(reasons, "BAD_WEBHOOK", "the body is not an event as the card provider sends them");
      }
      await pool.query({
        name: "insert-webhook",
        text: "insert into webhooks (provider, id, body) values ($1, $2, $3) on conflict do nothing",
        values: [provider, event.id, body],
      });
      wake();
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

const limit = 200;

type Kept = { readonly provider: string; readonly id: string; readonly event: ProviderEvent | undefined };
type Row = { provider: string; id: string; body: Uint8Array; receive_time: Date };

/** Takes what is due, the first received first. It is due again after a pause, unless it is applied. */
async function claimDue(pool: Pool): Promise<Kept[]> {
  const { rows } = await pool.query<Row>({
    name: "claim-webhooks",
    text: `update webhooks set tries = tries + 1,
                               next_try_time = now() + least(600000, 1000 * 2 ^ least(tries, 16)) * interval '1 ms'
           where (provider, id) in (select provider, id from webhooks where next_try_time <= now()
                                    order by next_try_time limit ${limit} for update skip locked)
           returning provider, id, body, receive_time`,
  });
  return rows
    .toSorted((a, b) => a.receive_time.getTime() - b.receive_time.getTime())
    .map(({ provider, id, body }) => ({ provider, id, event: parseProviderEvent(body) }));
}

/** In one transaction; one by one where that fails, so that a bad one does not hold up the others. */
async function apply(options: InboxOptions, kept: readonly Kept[]): Promise<void> {
  try {
    await withTransaction(options.pool, (tx) => applyIn(tx, options, kept));
  } catch (error) {
    if (kept.length > 1) {
      for (const one of kept) {
        await apply(options, [one]);
      }
    } else {
      options.log.error({ error, webhookId: kept[0]?.id }, "a webhook could not be applied; it is tried again");
    }
  }
}

async function applyIn(tx: Transaction, { ledger, log, retryMs }: InboxOptions, kept: readonly Kept[]): Promise<void> {
  if (kept.length === 0) {
    return;
  }
  const results = kept.flatMap(({ event }): Result[] =>
    event?.answer === undefined || !uuidPattern.test(event.key)
      ? []
      : [{ kind: "charge", paymentId: event.key, answer: event.answer }],
  );
  const payments = await settle(tx, { ledger, log, results, answering: false, retryMs });
  const applied = kept.filter(({ event }) => event?.answer === undefined || payments.has(event.key));
  await tx.query({
    name: "finish-webhooks",
    text: `update webhooks set next_try_time = null
           from unnest($1::text[], $2::text[]) as done (provider, id)
           where webhooks.provider = done.provider and webhooks.id = done.id`,
    values: [applied.map(({ provider }) => provider), applied.map(({ id }) => id)],
  });
}
