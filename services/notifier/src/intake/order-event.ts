import type { Amount } from "@sagacart/chassis/money";

/** What an event of an order or a cart says, as far as it says it. Every text is one line without control characters. */
export type OrderFacts = {
  /** "" where it is about a cart. */
  readonly orderId: string;
  /** "" where it is about an order. */
  readonly cartId: string;
  readonly cartName: string;
  /** "" where it is a guest's cart. */
  readonly customerId: string;
  readonly total: Amount | undefined;
  readonly lines: readonly OrderLine[];
  readonly reason: string;
  readonly detail: string;
  readonly shortages: readonly Shortage[];
  readonly trackingNumber: string;
  /** Until when it can be paid, or the cart is kept. */
  readonly expireTime: Date | undefined;
  /** Where the customer wants to hear of this order; "" where the checkout did not say. */
  readonly contactEmail: string;
};

export type OrderLine = {
  readonly productId: string;
  readonly title: string;
  readonly quantity: number;
  readonly unitPrice: Amount | undefined;
};

export type Shortage = { readonly productId: string; readonly requested: number; readonly available: number };

/** Why an event cannot be understood. */
export class UnreadableEventError extends Error {
  override readonly name = "UnreadableEventError";
}

/**
 * Reads the data of an event. What is missing is left out; only what a message cannot do without, or what must be
 * somebody's mistake, throws UnreadableEventError.
 */
export function readOrderEvent({ type, subject, data }: { type: string; subject: string; data: string }): OrderFacts {
  const fields = asObject(parse(data));
  if (fields === undefined) {
    throw new UnreadableEventError("the data is no JSON object");
  }
  const contactEmail = typeof fields.contactEmail === "string" ? fields.contactEmail : "";
  if (contactEmail !== "" && !isEmailAddress(contactEmail)) {
    throw new UnreadableEventError("contactEmail is no e-mail address");
  }
  const isCart = type.startsWith("sagacart.cart.");
  return {
    orderId: isCart ? "" : readId(fields.orderId ?? subject, "orderId"),
    cartId: isCart ? readId(fields.cartId ?? subject, "cartId") : "",
    cartName: oneLine(fields.name, 200),
    customerId: isCart && fields.customerId === undefined ? "" : readId(fields.customerId, "customerId"),
    total: readAmount(fields.total),
    lines: list(fields.lines).flatMap(readLine),
    reason: oneLine(fields.reason, 300),
    detail: oneLine(fields.detail, 300),
    shortages: list(fields.shortages).flatMap(readShortage),
    trackingNumber: oneLine(fields.trackingNumber, 100),
    expireTime: readTime(fields.expireTime),
    contactEmail,
  };
}

/** The facts as data of an event, which readOrderEvent reads again: what is kept of an event, and nothing more. */
export function writeFacts({ cartName, ...facts }: OrderFacts): string {
  return JSON.stringify({ ...facts, name: cartName }, (_, value) => (typeof value === "bigint" ? `${value}` : value));
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

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, 100) : [];
}

function readLine(value: unknown): OrderLine[] {
  const line = asObject(value);
  const title = oneLine(line?.title ?? line?.productId, 200);
  const quantity = line?.quantity;
  return title !== "" && isCount(quantity)
    ? [{ productId: oneLine(line?.productId, 63), title, quantity, unitPrice: readAmount(line?.unitPrice) }]
    : [];
}

function readShortage(value: unknown): Shortage[] {
  const shortage = asObject(value);
  const productId = oneLine(shortage?.productId, 63);
  const requested = shortage?.requested;
  // protobuf's JSON leaves a zero out.
  const available = shortage?.available ?? 0;
  return productId !== "" && isCount(requested) && isCount(available) ? [{ productId, requested, available }] : [];
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

function readTime(value: unknown): Date | undefined {
  const time = typeof value === "string" ? new Date(value) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time;
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
