import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { isPassing } from "@sagacart/chassis/process/failure-log";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { shorten } from "@sagacart/chassis/shorten";
import type { Clock } from "@sagacart/chassis/time/clock";
import { type Failed, listParked, parkWebhooks, reviveWebhooks } from "./parked-store.ts";
import { type ParkedWebhooks, parkedWebhooks } from "./parked-webhooks.ts";
import { webhookReasons } from "./reasons.ts";
import type { WebhookEvent } from "./webhook.ts";
import { isWebhookSigned } from "./webhook-signature.ts";
import { type ClaimedWebhook, claimWebhooks, finishWebhooks, insertWebhook } from "./webhook-store.ts";

export type WebhookInbox = AsyncDisposable & {
  /** Stores a webhook, once for each id of an event. Rejects one that is not signed, or not an event. */
  receive(webhook: { provider: string; body: Uint8Array; signature: string }): Promise<void>;
  /** Webhooks that could not be applied in many tries. */
  readonly parked: ParkedWebhooks;
};

export type WebhookInboxOptions<Answer> = {
  pool: Pool;
  log: Log;
  clock: Clock;
  /** The provider's id in the URL of its webhooks. */
  provider: string;
  /** The provider's name in errors: "the card provider". */
  sender: string;
  /** The valid keys of the provider's signatures: two while the key is changed. */
  secrets: readonly string[];
  read(body: Uint8Array): WebhookEvent<Answer> | undefined;
  /** Applies answers, in this order, and returns those that are done with. Repeats change nothing. */
  apply(tx: Transaction, answers: readonly Keyed<Answer>[]): Promise<{ has(answer: Keyed<Answer>): boolean }>;
  /** Returns when the things with these keys changed last; without those that are not known. */
  findChanges(pool: Pool, keys: readonly string[]): Promise<ReadonlyMap<string, Date>>;
  /** Called after each round that applied something. */
  onApplied(): void;
  /** How often to look for webhooks that are due again. */
  pollMs?: number;
  /** After how many tries a webhook is parked: 30 if absent, which take about four hours. */
  maxTries?: number;
  /** How often to look whether what a parked webhook is about has changed: every minute if absent. */
  parkedPollMs?: number;
};

export type Keyed<Answer> = { readonly key: string; readonly answer: Answer };

/**
 * Webhooks of one provider: stored before they are acknowledged, then applied. One that cannot be applied yet, for example
 * because its key is not known, stays and is tried again after a growing pause; it does not hold up the others. After many
 * tries it is parked, which an error line and a gauge tell: then it is tried again when the thing with its key appears or
 * changes, or when an operator says so.
 */
export function createWebhookInbox<Answer>(options: WebhookInboxOptions<Answer>): WebhookInbox {
  const { pool, log, clock, provider, sender, secrets, read, onApplied } = options;
  const { pollMs = 1_000, parkedPollMs = 60_000 } = options;
  let wake = () => {};
  let wakeParked = () => {};
  const reviving = startLoop({
    name: "parked-webhooks",
    log,
    wake: {
      subscribe(listener) {
        wakeParked = listener;
        return () => {};
      },
    },
    async run() {
      if (await reviveChanged(options)) {
        wake();
      }
      return { waitMs: parkedPollMs };
    },
  });
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
        // What was applied may be what parked webhooks wait for.
        wakeParked();
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
      if (!isWebhookSigned(body, signature, secrets, clock.now())) {
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
    parked: parkedWebhooks({ pool, provider, onRetry: () => wake() }),
    async [Symbol.asyncDispose]() {
      await reviving[Symbol.asyncDispose]();
      await loop[Symbol.asyncDispose]();
    },
  };
}

const claimLimit = 200;
const maxPages = 50;

type Due<Answer> = Omit<ClaimedWebhook, "body"> & { readonly event: WebhookEvent<Answer> | undefined };

/** Applies webhooks in one transaction, or in one each where that fails. */
async function applyAll<Answer>(options: WebhookInboxOptions<Answer>, webhooks: readonly Due<Answer>[]): Promise<void> {
  let waiting: readonly Due<Answer>[];
  try {
    waiting = await withTransaction(options.pool, (tx) => applyIn(tx, options, webhooks));
  } catch (error) {
    const [webhook, ...others] = webhooks;
    if (webhook !== undefined && others.length === 0) {
      const { id: webhookId, tries } = webhook;
      options.log.warn({ error, webhookId, tries }, "a webhook could not be applied; it will be tried again");
      if (!isPassing(error)) {
        await park(options, [webhook], error instanceof Error ? error.message : String(error));
      }
      return;
    }
    for (const webhook of webhooks) {
      await applyAll(options, [webhook]);
    }
    return;
  }
  await park(options, waiting, "what it is about is not known here, or does not accept it yet");
}

/** Applies webhooks, and returns those that cannot be applied yet. */
async function applyIn<Answer>(
  tx: Transaction,
  { apply }: WebhookInboxOptions<Answer>,
  webhooks: readonly Due<Answer>[],
): Promise<Due<Answer>[]> {
  const read = webhooks.map((webhook) => {
    const { event } = webhook;
    return { webhook, keyed: event?.answer === undefined ? undefined : { key: event.key, answer: event.answer } };
  });
  const done = await apply(
    tx,
    read.flatMap(({ keyed }) => (keyed === undefined ? [] : [keyed])),
  );
  const isDone = (keyed: Keyed<Answer> | undefined) => keyed === undefined || done.has(keyed);
  await finishWebhooks(
    tx,
    read.flatMap(({ webhook, keyed }) => (isDone(keyed) ? [webhook] : [])),
  );
  return read.flatMap(({ webhook, keyed }) => (isDone(keyed) ? [] : [webhook]));
}

/** Parks those of these webhooks that were tried often enough. */
async function park<Answer>(
  { pool, log, maxTries = 30 }: WebhookInboxOptions<Answer>,
  webhooks: readonly Due<Answer>[],
  error: string,
): Promise<void> {
  const failed = webhooks.filter(({ tries }) => tries >= maxTries);
  await parkWebhooks(
    pool,
    failed.map(({ provider, id, claimTime }): Failed => ({ provider, id, claimTime, error: shorten(error, 1_000) })),
  );
  for (const { provider, id: webhookId, event, tries } of failed) {
    log.error(
      { provider, webhookId, key: event?.key, tries, error },
      "a webhook could not be applied in many tries and is parked; an operator has to retry or dismiss it",
    );
  }
}

/**
 * A transaction's time is that of its beginning, so one that ended after a try may have begun before it. What changed that
 * shortly before the last try is tried once more when such a transaction must have ended, and not over and over until then.
 */
const longestTransactionMs = 60_000;

/** Has parked webhooks tried again whose thing has changed since their last try. Returns true if there are any. */
async function reviveChanged<Answer>(options: WebhookInboxOptions<Answer>): Promise<boolean> {
  const { pool, provider, read, findChanges, clock } = options;
  let isAny = false;
  for (let afterId = "", page = 0; page < maxPages; page++) {
    const parked = await listParked(pool, { provider, afterId, limit: claimLimit });
    const keyed = parked.flatMap(({ id, body, parkTime }) => {
      const key = read(body)?.key;
      return key === undefined || parkTime === undefined ? [] : [{ id, key, parkTime }];
    });
    const changes =
      keyed.length === 0
        ? new Map<string, Date>()
        : await findChanges(
            pool,
            keyed.map(({ key }) => key),
          );
    const changed = keyed.filter(({ key, parkTime }) => {
      const changeTime = changes.get(key);
      if (changeTime === undefined || changeTime > parkTime) {
        return changeTime !== undefined;
      }
      const mayBeUnseen = changeTime.getTime() > parkTime.getTime() - longestTransactionMs;
      return mayBeUnseen && clock.now().getTime() > parkTime.getTime() + longestTransactionMs;
    });
    if (changed.length > 0) {
      isAny = true;
      await reviveWebhooks(
        pool,
        provider,
        changed.map(({ id }) => id),
      );
    }
    afterId = parked.at(-1)?.id ?? "";
    if (parked.length < claimLimit) {
      break;
    }
  }
  return isAny;
}
