import { asObject, type JsonFields, matching, parseObject } from "./json.ts";

/** A webhook's content: an event about one thing that was asked for. */
export type WebhookEvent<Answer> = {
  /** The provider's id of the event; the same when it is sent again. */
  readonly id: string;
  /** The key with which it was asked for. */
  readonly key: string;
  /** Undefined for a type of event that needs nothing done. */
  readonly answer: Answer | undefined;
};

export type WebhookFormat<Answer> = {
  readonly key: RegExp;
  /** Reads the answer out of `data`, by the type of the event; undefined where it does not have the right shape. */
  readonly types: Readonly<Record<string, (data: JsonFields) => Answer | undefined>>;
};

/**
 * Reads `{"id": …, "type": "charge.captured", "data": {"key": …, …}}`. Returns undefined for a body of another shape; an
 * event of an unknown type has the right shape and no answer.
 */
export function readWebhook<Answer>(
  body: Uint8Array,
  { key: keyPattern, types }: WebhookFormat<Answer>,
): WebhookEvent<Answer> | undefined {
  const event = parseObject(body);
  const data = asObject(event?.data);
  const id = matching(event?.id, /^[A-Za-z0-9._~-]{1,100}$/);
  const type = matching(event?.type, /^[a-z_.]{1,100}$/);
  const key = matching(data?.key, keyPattern);
  if (data === undefined || id === undefined || type === undefined || key === undefined) {
    return undefined;
  }
  const read = Object.hasOwn(types, type) ? types[type] : undefined;
  if (read === undefined) {
    return { id, key, answer: undefined };
  }
  const answer = read(data);
  return answer === undefined ? undefined : { id, key, answer };
}
