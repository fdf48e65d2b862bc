import type { ChargeAnswer } from "./card-provider.ts";

/** What the provider tells by webhook: an event of its own about one charge. */
export type ProviderEvent = {
  /** The provider's id of the event; the same when it is sent again. */
  readonly id: string;
  /** The key that the charge was asked for with: a payment's id, if it is one of ours. */
  readonly key: string;
  /** Undefined for a type of event that we do nothing about. */
  readonly answer: ChargeAnswer | undefined;
};

/**
 * Reads `{"id": …, "type": "charge.captured", "data": {"key": …, "chargeId": …}}` or `charge.declined` with a
 * `reason`. Undefined for what is not of that shape; a type that we don't know is of it.
 */
export function parseProviderEvent(body: Uint8Array): ProviderEvent | undefined {
  const event = parseObject(new TextDecoder().decode(body));
  const data = asObject(event?.data);
  const id = matching(event?.id, /^[A-Za-z0-9._~-]{1,100}$/);
  const type = matching(event?.type, /^[a-z_.]{1,100}$/);
  const key = matching(data?.key, /^[A-Za-z0-9._~-]{1,100}$/);
  if (id === undefined || type === undefined || key === undefined) {
    return undefined;
  }
  if (type !== "charge.captured" && type !== "charge.declined") {
    return { id, key, answer: undefined };
  }
  const answer = type === "charge.captured" ? readCaptured(data?.chargeId) : readDeclined(data?.reason);
  return answer === undefined ? undefined : { id, key, answer };
}

/** That it is charged, under this id. Undefined for what is no id. */
export function readCaptured(chargeId: unknown): ChargeAnswer | undefined {
  const id = matching(chargeId, /^[A-Za-z0-9._~-]{1,100}$/);
  return id === undefined ? undefined : { kind: "captured", chargeId: id };
}

/** That it is declined, for this reason. Undefined for what is no reason. */
export function readDeclined(reason: unknown): ChargeAnswer | undefined {
  const word = readReason(reason);
  return word === undefined ? undefined : { kind: "declined", reason: word };
}

export function readReason(reason: unknown): string | undefined {
  return matching(reason, /^[a-z0-9_]{1,100}$/);
}

/** An object of JSON; undefined for anything else. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function matching(value: unknown, pattern: RegExp): string | undefined {
  return typeof value === "string" && pattern.test(value) ? value : undefined;
}
