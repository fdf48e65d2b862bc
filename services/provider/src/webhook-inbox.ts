import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { logFailure } from "@sagacart/chassis/process/failure-log";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { WebhookEvent } from "./webhook.ts";
import { isWebhookSigned } from "./webhook-signature.ts";
import { claimWebhooks, finishWebhooks, insertWebhook } from "./webhook-store.ts";

/** Why a webhook is refused; a part of the reasons of each service with an inbox. */
export const webhookReasons = defineReasons({
  BAD_SIGNATURE: Code.Unauthenticated,
  BAD_WEBHOOK: Code.InvalidArgument,
  PROVIDER_NOT_FOUND: Code.NotFound,
});

export type WebhookInbox = AsyncDisposable & {
  /** Stores a webhook, once for each id of an event. Rejects one that is not signed, or not an event. */
  receive(webhook: { provider: string; body: Uint8Array; signature: string }): Promise<void>;
};

export type WebhookInboxOptions<Answer> = {
  pool: Pool;
  log: Log;
  clock: Clock;
  /** The provider's id in the URL of its webhooks. */
  provider: string;
  /** The provider's name in errors: "the card provider". */
  sender: string;
  /** The key of the provider's signatures. */
  secret: string;
  read(body: Uint8Array): WebhookEvent<Answer> | undefined;
  /** Applies answers, in this order, and returns those that are done with. Repeats change nothing. */
  apply(tx: Transaction, answers: readonly Keyed<Answer>[]): Promise<{ has(answer: Keyed<Answer>): boolean }>;
  /** Called after each round that applied something. */
  onApplied(): void;
  /** How often to look for webhooks that are due again. */
  pollMs?: number;
};

export type Keyed<Answer> = { readonly key: string; readonly answer: Answer };

/**
 * Webhooks of one provider: stored before they are acknowledged, then applied. One that cannot be applied yet, for example
 * because its key is not known, stays and is tried again after a growing pause; it does not hold up the others.
 */
export function createWebhookInbox<Answer>(options: WebhookInboxOptions<Answer>): WebhookInbox {
  const { pool, log, clock, provider, sender, secret, read, onApplied, pollMs = 1_000 } = options;
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
      const due = await claimWebhooks(pool, claimLimit);
      if (due.length > 0) {
        const webhooks = due.map(({ body, ...webhook }) => ({ ...webhook, event: read(body) }));
        await applyAll(options, webhooks);
        onApplied();
      }
      return due.length === claimLimit ? "again" : { waitMs: pollMs };
    },
  });
  return {
    async receive({ provider: given, body, signature }) {
      if (given !== provider) {
        const message = `there is no provider ${JSON.stringify(given)}; there is ${JSON.stringify(provider)}`;
        throw new DomainError(webhookReasons, "PROVIDER_NOT_FOUND", message, { provider: given });
      }
      if (!isWebhookSigned(body, signature, secret, clock.now())) {
        const message = `the webhook is not signed by ${sender}, or was signed more than 5 minutes ago`;
        throw new DomainError(webhookReasons, "BAD_SIGNATURE", message);
      }
      const event = read(body);
      if (event === undefined) {
        throw new DomainError(webhookReasons, "BAD_WEBHOOK", `the body is not an event as ${sender} sends them`);
      }
      await insertWebhook(pool, { provider, id: event.id, body });
      wake();
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

const claimLimit = 200;

type Due<Answer> = {
  readonly provider: string;
  readonly id: string;
  readonly event: WebhookEvent<Answer> | undefined;
};

/** Applies webhooks in one transaction, or in one each where that fails. */
async function applyAll<Answer>(options: WebhookInboxOptions<Answer>, webhooks: readonly Due<Answer>[]): Promise<void> {
  try {
    await withTransaction(options.pool, (tx) => applyIn(tx, options, webhooks));
  } catch (error) {
    if (webhooks.length === 1) {
      logFailure(
        options.log,
        { error, webhookId: webhooks[0]?.id },
        "a webhook could not be applied; it will be tried again",
      );
      return;
    }
    for (const webhook of webhooks) {
      await applyAll(options, [webhook]);
    }
  }
}

async function applyIn<Answer>(
  tx: Transaction,
  { apply }: WebhookInboxOptions<Answer>,
  webhooks: readonly Due<Answer>[],
): Promise<void> {
  const read = webhooks.map((webhook) => {
    const { event } = webhook;
    return { webhook, keyed: event?.answer === undefined ? undefined : { key: event.key, answer: event.answer } };
  });
  const done = await apply(
    tx,
    read.flatMap(({ keyed }) => (keyed === undefined ? [] : [keyed])),
  );
  await finishWebhooks(
    tx,
    read.flatMap(({ webhook, keyed }) => (keyed === undefined || done.has(keyed) ? [webhook] : [])),
  );
}
