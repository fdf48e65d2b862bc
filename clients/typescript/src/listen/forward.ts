import { createHmac } from "node:crypto";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "../../../../proto/gen/sagacart/event/v1/event_pb.ts";

/** The outcome of a request. Without an answer the status is 0, and `error` says why. */
export type Forwarded = { readonly status: number; readonly durationMs: number; readonly error: string };

/**
 * Sends an event as the shop's webhooks do: a CloudEvent as JSON, signed as in Standard Webhooks. Its `webhook-id` is the
 * event's id, the same each time it is sent. Never throws.
 */
export async function forward(
  event: Event,
  { url, secret, timeoutMs = 10_000 }: { url: string; secret: string; timeoutMs?: number },
): Promise<Forwarded> {
  const body = JSON.stringify(cloudEventOf(event));
  const headers = {
    "user-agent": "Sagacart-Webhooks/1.0",
    "content-type": "application/cloudevents+json; charset=utf-8",
    ...signedHeaders({ id: event.id, body }, secret, new Date()),
  };
  const startedAt = performance.now();
  const durationMs = () => Math.round(performance.now() - startedAt);
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
    await response.body?.cancel();
    return { status: response.status, durationMs: durationMs(), error: "" };
  } catch (error) {
    return { status: 0, durationMs: durationMs(), error: explain(error) };
  }
}

/** Returns an event in the JSON format of CloudEvents. */
function cloudEventOf({ id, source, type, subject, time, traceparent, sequence, position, data }: Event): object {
  return {
    specversion: "1.0",
    id,
    source,
    type,
    ...(subject === "" ? {} : { subject }),
    ...(time === undefined ? {} : { time: timestampDate(time).toISOString() }),
    datacontenttype: "application/json",
    // Padded, so that it sorts as text.
    sequence: String(sequence).padStart(19, "0"),
    position: String(position),
    ...(traceparent === "" ? {} : { traceparent }),
    data: JSON.parse(data),
  };
}

function signedHeaders({ id, body }: { id: string; body: string }, secret: string, time: Date): Record<string, string> {
  const seconds = String(Math.floor(time.getTime() / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": `v1,${signature}` };
}

/** Returns the innermost message: fetch itself only says that it failed. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  if (error.name === "TimeoutError") {
    return "no answer in time";
  }
  const { cause } = error;
  if (cause instanceof AggregateError) {
    return cause.errors.map((part) => explain(part)).join("; ");
  }
  return cause instanceof Error ? explain(cause) : error.message;
}
