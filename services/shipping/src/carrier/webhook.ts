import type { Decision } from "../shipments/shipment.ts";

/** What the carrier tells by webhook: an event of its own about one shipment. */
export type CarrierEvent = {
  /** The carrier's id of the event; the same when it is sent again. */
  readonly id: string;
  readonly orderId: string;
  /** Undefined for a type of event that we do nothing about. */
  readonly decision: Decision | undefined;
};

/**
 * Reads `{"id": …, "type": "shipment.accepted", "data": {"key": …, "trackingNumber": …}}` or `shipment.refused` with
 * a `reason`. Undefined for what is not of that shape; a type that we don't know is of it.
 */
export function parseCarrierEvent(body: Uint8Array): CarrierEvent | undefined {
  const event = parseObject(body);
  const data = event === undefined ? undefined : asObject(event.data);
  const id = matching(event?.id, /^[A-Za-z0-9._~-]{1,100}$/);
  const type = matching(event?.type, /^[a-z_.]{1,100}$/);
  const orderId = matching(data?.key, /^[A-Za-z0-9._~-]{1,63}$/);
  if (id === undefined || type === undefined || orderId === undefined) {
    return undefined;
  }
  if (type !== "shipment.accepted" && type !== "shipment.refused") {
    return { id, orderId, decision: undefined };
  }
  const decision = type === "shipment.accepted" ? readAccepted(data?.trackingNumber) : readRefused(data?.reason);
  return decision === undefined ? undefined : { id, orderId, decision };
}

/** That it is taken, under this number. Undefined for what is no number. */
export function readAccepted(trackingNumber: unknown): Decision | undefined {
  const number = matching(trackingNumber, /^[A-Za-z0-9 ._/-]{1,100}$/);
  return number === undefined ? undefined : { kind: "accepted", trackingNumber: number };
}

/** That it is refused, for this reason. Undefined for what is no reason. */
export function readRefused(reason: unknown): Decision | undefined {
  const word = matching(reason, /^[a-z0-9_]{1,100}$/);
  return word === undefined ? undefined : { kind: "refused", reason: word };
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  } catch {
    return undefined;
  }
}

/** An object of JSON; undefined for anything else. */
export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function matching(value: unknown, pattern: RegExp): string | undefined {
  return typeof value === "string" && pattern.test(value) ? value : undefined;
}
