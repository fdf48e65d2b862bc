import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { backoffMs } from "@sagacart/chassis/time/backoff";
import { unwanted } from "../../intake/intake.ts";
import { oneLine } from "../../intake/order-event.ts";
import { kindOf, mandatoryBecause } from "../../messages/kind.ts";
import type { Meters } from "../../meters.ts";
import type { Letters } from "../../templates/letters.ts";
import type { Mailer, Sent } from "./mailer.ts";
import { claimMessages, markFailed, markSent, markSuppressed, type Outgoing, releaseMessages } from "./send-store.ts";

export type SendingOptions = {
  pool: Pool;
  log: Log;
  mailer: Mailer;
  letters: Letters;
  meters: Pick<Meters, "tried">;
  /** How often a message is tried before it is given up. */
  attempts: number;
  /** The pause after the first failure; it doubles with each, up to an hour. */
  retryMs: number;
  /** How long nobody else takes what was taken: longer than ten messages take, five at a time. */
  leaseMs: number;
  wake: { subscribe(listener: () => void): () => void };
};

/**
 * Sends what is PENDING and due. Any number of processes may: each message is with one of them at a time. Outside it
 * is at least once: a process that dies when the mail server has taken a message, and before that is written, leaves
 * it to be sent again, with the same Message-ID.
 */
export function startSending(options: SendingOptions): AsyncDisposable {
  const { pool, log, retryMs, leaseMs, wake } = options;
  return startLoop({
    name: "mail",
    log,
    wake,
    async run(signal) {
      const messages = await claimMessages(pool, { limit, leaseMs });
      const waiting = [...messages];
      const lane = async () => {
        for (let next = waiting.shift(); next !== undefined; next = signal.aborted ? undefined : waiting.shift()) {
          await send(options, next);
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      await releaseMessages(
        pool,
        waiting.map(({ id }) => id),
      );
      return messages.length === limit ? "again" : { waitMs: Math.min(1_000, Math.max(20, retryMs / 2)) };
    },
  });
}

const limit = 10;
/** As many as the mailer has connections. */
const lanes = 5;

async function send(options: SendingOptions, message: Outgoing): Promise<void> {
  const { pool, log, meters, attempts, retryMs } = options;
  const { id, eventType, channel } = message;
  const kind = kindOf(eventType);
  if (message.isTurnedOff && kind !== undefined && mandatoryBecause(kind, channel) === "") {
    await markSuppressed(pool, id, unwanted);
    meters.tried("suppressed");
    return;
  }
  const result = await writeAndSend(options, message);
  switch (result.kind) {
    case "sent":
      await markSent(pool, id);
      meters.tried("sent");
      return;
    case "failed": {
      const isGivenUp = result.isPermanent || message.attempts >= attempts;
      const pauseMs = backoffMs(message.attempts - 1, { firstMs: retryMs, longestMs: 3_600_000 });
      // What the server said may name the recipient: it is kept with the message, and not logged.
      await markFailed(pool, { id, error: oneLine(result.error, 500), retryMs: isGivenUp ? undefined : pauseMs });
      meters.tried(isGivenUp ? "given_up" : "failed");
      log.warn({ messageId: id, attempts: message.attempts, isGivenUp }, "a message could not be sent");
      return;
    }
    default:
      result satisfies never;
  }
}

async function writeAndSend({ log, mailer, letters }: SendingOptions, message: Outgoing): Promise<Sent> {
  try {
    return await mailer.send({ ...message, ...(await letters.full(message)) });
  } catch (error) {
    // The mailer never throws: it could not be written out. One such message must not hold up the others.
    log.error({ error, messageId: message.id }, "a message could not be written out");
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "failed", error: `could not be written out: ${why}`, isPermanent: false };
  }
}
