import type { Pool } from "@sagacart/chassis/postgres/pool";
import { logFailure } from "@sagacart/chassis/process/failure-log";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { backoffMs } from "@sagacart/chassis/time/backoff";
import { startIn } from "@sagacart/chassis/trace/trace";
import { turnedOffReason } from "../../intake/intake.ts";
import { oneLine } from "../../intake/order-event.ts";
import { kindOf, mandatoryBecause } from "../../messages/kind.ts";
import type { Meters } from "../../meters.ts";
import type { Renderer } from "../../templates/renderer.ts";
import type { Mailer, Sent } from "./mailer.ts";
import { countMail } from "./recipient-store.ts";
import { claimMessages, markFailed, markSent, markSuppressed, type Outgoing, releaseMessages } from "./send-store.ts";

export type SendingOptions = {
  pool: Pool;
  log: Log;
  mailer: Mailer;
  renderer: Renderer;
  meters: Pick<Meters, "attempted">;
  /** The most mails to one mailbox within an hour; 0: any number. */
  mailsPerHour: number;
  /** Attempts before a message is given up. */
  attempts: number;
  /** The pause after the first failed attempt; it doubles with each, up to an hour. */
  retryMs: number;
  /** The lease of claimed messages: longer than it takes to send ten of them, five at a time. */
  leaseMs: number;
  wake: { subscribe(listener: () => void): () => void };
};

/**
 * Sends PENDING messages that are due, in the background. Any number of processes may do so: a message is claimed by one at
 * a time. Delivery is at least once: a process that dies after the mail server accepted a message and before that is
 * recorded leaves it to be sent again, with the same Message-ID.
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
// One for each connection of the mailer.
const lanes = 5;

async function send(options: SendingOptions, message: Outgoing): Promise<void> {
  const { pool, log, meters, attempts, retryMs, mailsPerHour } = options;
  const { id, eventType, channel } = message;
  if (message.isErased) {
    await markSuppressed(pool, id, "the customer's account was deleted");
    meters.attempted("suppressed");
    return;
  }
  const kind = kindOf(eventType);
  if (message.isTurnedOff && kind !== undefined && mandatoryBecause(kind, channel) === "") {
    await markSuppressed(pool, id, turnedOffReason);
    meters.attempted("suppressed");
    return;
  }
  // A retry is of a mail that was counted. Operators' addresses come from the configuration.
  const isCounted = mailsPerHour > 0 && message.attempts === 1 && kind?.isForOperators !== true;
  if (isCounted && !(await countMail(pool, message.recipient, mailsPerHour))) {
    await markSuppressed(pool, id, overLimitReason(mailsPerHour));
    meters.attempted("limited");
    log.warn({ messageId: id, mailsPerHour }, "did not send a mail: its recipient got too many within an hour");
    return;
  }
  // Without its recipient.
  const span = startIn(message.traceparent ?? undefined, "send mail", {
    kind: "client",
    attributes: {
      "sagacart.order.id": message.orderId,
      "sagacart.event.type": eventType,
      "sagacart.message.id": id,
      "sagacart.message.attempt": message.attempts,
    },
  });
  const result = await renderAndSend(options, message);
  span?.end(result.kind === "failed" ? "failed" : undefined);
  switch (result.kind) {
    case "sent":
      await markSent(pool, id);
      meters.attempted("sent");
      return;
    case "failed": {
      const isGivenUp = result.isPermanent || message.attempts >= attempts;
      const pauseMs = backoffMs(message.attempts - 1, { firstMs: retryMs, longestMs: 3_600_000 });
      // The server's answer may name the recipient: store it with the message, and do not log it.
      await markFailed(pool, { id, error: oneLine(result.error, 500), retryMs: isGivenUp ? undefined : pauseMs });
      meters.attempted(isGivenUp ? "given_up" : "failed");
      log.warn({ messageId: id, attempts: message.attempts, isGivenUp }, "failed to send a message");
      return;
    }
    default:
      result satisfies never;
  }
}

/** Returns the reason recorded with a mail that was over the limit. The same message is in the customer's inbox. */
function overLimitReason(mailsPerHour: number): string {
  return `this address got ${mailsPerHour} mails within an hour, the most that it may`;
}

async function renderAndSend({ log, mailer, renderer }: SendingOptions, message: Outgoing): Promise<Sent> {
  try {
    return await mailer.send({ ...message, ...(await renderer.renderMail(message)) });
  } catch (error) {
    // The mailer never throws, so rendering failed. It must not hold up other messages.
    logFailure(log, { error, messageId: message.id }, "failed to render a message");
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "failed", error: `could not be rendered: ${why}`, isPermanent: false };
  }
}
