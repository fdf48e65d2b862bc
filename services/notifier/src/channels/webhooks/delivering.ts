import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { backoffMs } from "@sagacart/chassis/time/backoff";
import { binary, structured } from "@sagacart/outbox/events/cloud-event";
import type { Event } from "@sagacart/proto/event/v1/event";
import { type CircuitTerms, recordFailure, recordGone, recordSuccess } from "./circuit-store.ts";
import type { Attempt } from "./delivery.ts";
import type { ContentMode } from "./endpoint.ts";
import type { Meters } from "./meters.ts";
import type { Answer, Poster } from "./post.ts";
import { type DueEndpoint, markDelivered, markFailed, type Outgoing, releaseDelivery } from "./send-store.ts";
import { signedHeaders } from "./signature.ts";

export type DeliveringOptions = {
  pool: Pool;
  log: Log;
  meters: Meters;
  poster: Poster;
  timeoutMs: number;
  /** The pause after the first failure of a delivery; it doubles with each, up to 3 hours. */
  retryMs: number;
  circuit: CircuitTerms;
};

/** Sends a delivery once, and records what came of it: for the delivery and for its endpoint. */
export async function deliver(
  options: DeliveringOptions,
  endpoint: DueEndpoint,
  delivery: Outgoing,
  { secrets, signal }: { secrets: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const { pool, log, meters } = options;
  const time = new Date();
  const answer = await send(options, { endpoint, id: delivery.id, event: delivery.event, secrets, time, signal });
  if (signal.aborted && answer.status === 0) {
    await releaseDelivery(pool, delivery);
    return;
  }
  const attempt = attemptOf(delivery.attempts, time, answer);
  if (isSuccess(answer)) {
    await markDelivered(pool, delivery.id, attempt);
    meters.tried("delivered");
    await recordSuccess(pool, endpoint.id);
    return;
  }
  const isGone = answer.status === 410;
  if (isGone) {
    // First of all, so that nothing else is sent there.
    await recordGone(pool, endpoint.id);
    log.warn({ endpointId: endpoint.id }, "a webhook endpoint is gone, and disabled");
  }
  const askedMs = answer.status === 429 || answer.status === 503 ? Math.min(answer.retryAfterMs ?? 0, dayMs) : 0;
  const retryMs = isGone ? undefined : retryAfter(delivery, { retryMs: options.retryMs, askedMs, now: new Date() });
  await markFailed(pool, delivery.id, { ...attempt, retryMs });
  meters.tried(retryMs === undefined ? "dead" : "failed");
  const told = { endpointId: endpoint.id, deliveryId: delivery.id, attempts: delivery.attempts, status: answer.status };
  // What it said may be personal: it is kept with the delivery, and not logged.
  log.warn({ ...told, isDead: retryMs === undefined }, "a webhook could not be delivered");
  const disabled = isGone ? undefined : await recordFailure(pool, endpoint.id, { ...options.circuit, askedMs });
  if (disabled !== undefined) {
    log.error({ endpointId: endpoint.id, reason: disabled }, "a webhook endpoint was disabled");
  }
}

/** Sends an event to an endpoint. Never throws. */
export async function send(
  { poster, timeoutMs }: { poster: Poster; timeoutMs: number },
  {
    endpoint,
    id,
    event,
    secrets,
    time,
    signal,
  }: {
    endpoint: { readonly url: string; readonly contentMode: ContentMode };
    id: string;
    event: Event;
    secrets: readonly string[];
    time: Date;
    signal?: AbortSignal;
  },
): Promise<Answer> {
  const { headers, body } = endpoint.contentMode === "BINARY" ? binary(event) : structured(event);
  const signed = signedHeaders({ id, body }, secrets, time);
  const post = { url: endpoint.url, headers: { ...headers, ...signed }, body };
  return await poster.post(post, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
}

export function attemptOf(number: number, time: Date, { status, durationMs, error, text }: Answer): Attempt {
  return { number, time, status, durationMs, error, answer: text };
}

export function isSuccess({ status }: { status: number }): boolean {
  return status >= 200 && status < 300;
}

const dayMs = 86_400_000;
const longestPauseMs = 10_800_000;

/** After how long to try again; undefined when its time is over. The last try is at the end of that time. */
function retryAfter(
  { retries, expireTime }: Outgoing,
  { retryMs, askedMs, now }: { retryMs: number; askedMs: number; now: Date },
): number | undefined {
  const leftMs = expireTime.getTime() - now.getTime();
  const pauseMs = backoffMs(retries - 1, { firstMs: retryMs, longestMs: longestPauseMs });
  return leftMs <= 0 ? undefined : Math.min(leftMs, Math.max(pauseMs, askedMs));
}
