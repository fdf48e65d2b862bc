import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type WebhookAttempt,
  WebhookAttemptSchema,
  type WebhookDelivery,
  WebhookDeliverySchema,
  type WebhookEndpoint,
  WebhookEndpointSchema,
  type WebhookRequestSchema,
  WebhookEndpoint_Circuit as WireCircuit,
  WebhookEndpoint_ContentMode as WireMode,
  WebhookDelivery_State as WireState,
} from "@sagacart/proto/notifier/v1/webhook";
import type { Attempt, Delivery, DeliveryState } from "./delivery.ts";
import type { ContentMode, Endpoint } from "./endpoint.ts";

/** Converts an endpoint to its proto message. */
export function endpointMessage(endpoint: Endpoint, now: Date): WebhookEndpoint {
  const { failingSince, resumeTime } = endpoint;
  return create(WebhookEndpointSchema, {
    id: endpoint.id,
    url: endpoint.url,
    eventTypes: [...endpoint.eventTypes],
    description: endpoint.description,
    enabled: endpoint.enabled,
    contentMode: WireMode[endpoint.contentMode],
    etag: String(endpoint.version),
    disabledReason: endpoint.disabledReason,
    circuit: WireCircuit[endpoint.circuit],
    consecutiveFailures: endpoint.failures,
    ...(failingSince === null ? {} : { failingSince: timestampFromDate(failingSince) }),
    ...(resumeTime === null || resumeTime <= now ? {} : { resumeTime: timestampFromDate(resumeTime) }),
    createTime: timestampFromDate(endpoint.createTime),
    updateTime: timestampFromDate(endpoint.updateTime),
  });
}

/** Converts a delivery to its proto message, with the attempts and the request that were read. */
export function deliveryMessage(
  delivery: Delivery,
  attempts: readonly Attempt[] = [],
  request?: MessageInitShape<typeof WebhookRequestSchema>,
): WebhookDelivery {
  const { tryTime, endTime, createTime, state, attempts: attemptCount, ...rest } = delivery;
  return create(WebhookDeliverySchema, {
    ...rest,
    attemptCount,
    attempts: attempts.map(attemptMessage),
    state: WireState[state],
    ...(request === undefined ? {} : { request }),
    createTime: timestampFromDate(createTime),
    ...(tryTime === null ? {} : { nextAttemptTime: timestampFromDate(tryTime) }),
    ...(endTime === null ? {} : { endTime: timestampFromDate(endTime) }),
  });
}

/** Converts an attempt to its proto message. */
export function attemptMessage({ time, durationMs, ...attempt }: Attempt): WebhookAttempt {
  return create(WebhookAttemptSchema, {
    ...attempt,
    time: timestampFromDate(time),
    duration: durationFromMs(durationMs),
  });
}

/** Converts a requested content mode; undefined if unspecified. */
export function contentModeOf(requested: WireMode): ContentMode | undefined {
  switch (requested) {
    case WireMode.STRUCTURED:
      return "STRUCTURED";
    case WireMode.BINARY:
      return "BINARY";
    default:
      return undefined;
  }
}

/** Converts a requested state; "" matches any. */
export function stateOf(requested: WireState): DeliveryState | "" {
  switch (requested) {
    case WireState.PENDING:
      return "PENDING";
    case WireState.DELIVERED:
      return "DELIVERED";
    case WireState.DEAD:
      return "DEAD";
    default:
      return "";
  }
}
