import type { Amount } from "@sagacart/chassis/money";

/** What an event of order says, as far as it says it. Every text is one line without control characters. */
export type OrderFacts = {
  readonly orderId: string;
  readonly customerId: string;
  readonly total: Amount | undefined;
  readonly lines: readonly OrderLine[];
  readonly reason: string;
  readonly trackingNumber: string;
  /** Where the customer wants to hear of this order; "" where the checkout did not say. */
  readonly contactEmail: string;
};

export type OrderLine = { readonly title: string; readonly quantity: number; readonly unitPrice: Amount | undefined };

/** Why an event cannot be understood. */
export class UnreadableEventError extends Error {
  override readonly name = "UnreadableEventError";
}

/**
 * Reads the data of an event. What is missing is left out; only what a message cannot do without, or what must be
 * somebody's mistake, throws UnreadableEventError.
 */
export function readOrderEvent({ subject, data }: { subject: string; data: string }): OrderFacts {
  const fields = asObject(parse(data));
  if (fields === undefined) {
    throw new UnreadableEventError("the data is no JSON object");
  }
  const contactEmail = typeof fields.contactEmail === "string" ? fields.contactEmail : "";
  if (contactEmail !== "" && !isEmailAddress(contactEmail)) {
    throw new UnreadableEventError("contactEmail is no e-mail address");
  }
  return {
    orderId: readId(fields.orderId ?? subject, "orderId"),
    customerId: readId(fields.customerId, "customerId"),
    total: readAmount(fields.total),
    lines: Array.isArray(fields.lines) ? fields.lines.slice(0, 100).flatMap(readLine) : [],
    reason: oneLine(fields.reason, 300),
    trackingNumber: oneLine(fields.trackingNumber, 100),
    contactEmail,
  };
}

/** One address and nothing else: what is more could add a header or a recipient. */
export function isEmailAddress(text: string): boolean {
  return (
    text.length <= 254 && /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text)
  );
}

/** The text without control characters, at most so long; "" for what is no text. */
export function oneLine(value: unknown, maxLength: number): string {
  const text = typeof value === "string" ? value : "";
  return text
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .trim()
    .slice(0, maxLength);
}

function readId(value: unknown, name: string): string {
  if (typeof value !== "string" || !/^[A-Za-z0-9._~-]{1,63}$/.test(value)) {
    throw new UnreadableEventError(`${name} is no id`);
  }
  return value;
}

function readLine(value: unknown): OrderLine[] {
  const line = asObject(value);
  const title = oneLine(line?.title ?? line?.productId, 200);
  const quantity = line?.quantity;
  return title !== "" && typeof quantity === "number" && Number.isSafeInteger(quantity)
    ? [{ title, quantity, unitPrice: readAmount(line?.unitPrice) }]
    : [];
}

function readAmount(value: unknown): Amount | undefined {
  const money = asObject(value);
  // protobuf's JSON leaves a zero out.
  const minorUnits = String(money?.minorUnits ?? "0");
  return typeof money?.currencyCode === "string" &&
    /^[A-Z]{3}$/.test(money.currencyCode) &&
    /^-?\d{1,18}$/.test(minorUnits)
    ? { currencyCode: money.currencyCode, minorUnits: BigInt(minorUnits) }
    : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
