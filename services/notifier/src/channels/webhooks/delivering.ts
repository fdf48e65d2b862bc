import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { backoffMs } from "@sagacart/chassis/time/backoff";
import { startIn } from "@sagacart/chassis/trace/trace";
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
  /** The pause after the first failed attempt of a delivery; it doubles with each, up to 3 hours. */
  retryMs: number;
  circuit: CircuitTerms;
};

/** Makes one attempt, and records the outcome for the delivery and for its endpoint. */
export async function deliver(
  options: DeliveringOptions,
  endpoint: DueEndpoint,
  delivery: Outgoing,
  { secrets, signal }: { secrets: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const { pool, log, meters } = options;
  const time = new Date();
  const span = startIn(delivery.event.traceparent, "send webhook", {
    kind: "client",
    attributes: {
      "http.request.method": "POST",
      "server.address": hostOf(endpoint.url),
      "sagacart.event.type": delivery.event.type,
      "sagacart.webhook.delivery_id": delivery.id,
      "sagacart.webhook.attempt": delivery.attempts,
    },
  });
  const answer = await send(options, { endpoint, id: delivery.id, event: delivery.event, secrets, time, signal });
  span?.set({ "http.response.status_code": answer.status === 0 ? undefined : answer.status });
  span?.end(isSuccess(answer) ? undefined : answer.status === 0 ? "no answer" : String(answer.status));
  if (signal.aborted && answer.status === 0) {
    await releaseDelivery(pool, delivery);
    return;
  }
  const attempt = attemptOf(delivery.attempts, time, answer);
  if (isSuccess(answer)) {
    await markDelivered(pool, delivery.id, attempt);
    meters.attempted("delivered");
    await recordSuccess(pool, endpoint.id);
    return;
  }
  const isGone = answer.status === 410;
  if (isGone) {
    // Before anything else, so that nothing more is sent there.
    await recordGone(pool, endpoint.id);
    log.warn({ endpointId: endpoint.id }, "disabled a webhook endpoint that answered 410");
  }
  const requestedPauseMs =
    answer.status === 429 || answer.status === 503 ? Math.min(answer.retryAfterMs ?? 0, dayMs) : 0;
  const retryMs = isGone
    ? undefined
    : retryAfter(delivery, { retryMs: options.retryMs, requestedPauseMs, now: new Date() });
  await markFailed(pool, delivery.id, { ...attempt, retryMs });
  meters.attempted(retryMs === undefined ? "dead" : "failed");
  const fields = {
    endpointId: endpoint.id,
    deliveryId: delivery.id,
    attempts: delivery.attempts,
    status: answer.status,
  };
  // The answer may contain personal data: store it with the delivery, and do not log it.
  log.warn({ ...fields, isDead: retryMs === undefined }, "failed to deliver a webhook");
  const disabled = isGone
    ? undefined
    : await recordFailure(pool, endpoint.id, { ...options.circuit, requestedPauseMs });
  if (disabled !== undefined) {
    log.error({ endpointId: endpoint.id, reason: disabled }, "disabled a webhook endpoint");
  }
}

/** Returns the host of a URL. The rest of it may have a token of the endpoint's. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
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
  const { headers, body } = contentOf(endpoint.contentMode, event);
  const signed = signedHeaders({ id, body }, secrets, time);
  const post = { url: endpoint.url, headers: { ...headers, ...signed }, body };
  return await poster.post(post, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
}

/** Makes the part of a request that depends on its event only: all but its id, time and signature. */
export function contentOf(
  contentMode: ContentMode,
  event: Event,
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  return contentMode === "BINARY" ? binary(event) : structured(event);
}

/** Makes the record of an attempt. */
export function attemptOf(number: number, time: Date, { status, durationMs, error, text }: Answer): Attempt {
  return { number, time, status, durationMs, error, answer: text };
}

/** Returns true for a 2xx status. */
export function isSuccess({ status }: { status: number }): boolean {
  return status >= 200 && status < 300;
}

const dayMs = 86_400_000;
const longestPauseMs = 10_800_000;

/** Returns the pause before the next attempt, in ms; undefined after expireTime. The last attempt is at that time. */
function retryAfter(
  { retries, expireTime }: Outgoing,
  { retryMs, requestedPauseMs, now }: { retryMs: number; requestedPauseMs: number; now: Date },
): number | undefined {
  const leftMs = expireTime.getTime() - now.getTime();
  const pauseMs = backoffMs(retries - 1, { firstMs: retryMs, longestMs: longestPauseMs });
  return leftMs <= 0 ? undefined : Math.min(leftMs, Math.max(pauseMs, requestedPauseMs));
}
