import type { Amount } from "@sagacart/chassis/money";
import { truncate } from "@sagacart/chassis/truncate";

/** The data of an event of an order or a cart. Every text is one line without control characters. */
export type OrderFacts = {
  /** "" for events of carts. */
  readonly orderId: string;
  /** "" for events of orders. */
  readonly cartId: string;
  readonly cartName: string;
  /** True for events of carts, and of orders that were made of a cart. */
  readonly hasCart: boolean;
  /** "" for a guest's cart. */
  readonly customerId: string;
  readonly total: Amount | undefined;
  readonly lines: readonly OrderLine[];
  readonly reason: string;
  readonly detail: string;
  /** Of a refund: ORDER, PAYMENT or PROVIDER. */
  readonly source: string;
  /** The card provider's id of a dispute; "" for other events. */
  readonly disputeId: string;
  readonly shortages: readonly Shortage[];
  readonly trackingNumber: string;
  /** Of an order that did not come about: what the customer got back; undefined if that is not known. */
  readonly payBack: PayBack | undefined;
  /** When the time to pay ends, or the cart is deleted. */
  readonly expireTime: Date | undefined;
  /** The e-mail address that the checkout named for this order; "" if none. Older orders may have one that is not mailable. */
  readonly contactEmail: string;
};

/** Nothing was taken if both are undefined. */
export type PayBack = { readonly paidBack: Amount | undefined; readonly settledOtherwise: Amount | undefined };

export type OrderLine = {
  readonly productId: string;
  readonly title: string;
  readonly quantity: number;
  readonly unitPrice: Amount | undefined;
};

export type Shortage = { readonly productId: string; readonly requested: number; readonly available: number };

/** Thrown for an event that cannot be read, with the reason. */
export class UnreadableEventError extends Error {
  override readonly name = "UnreadableEventError";
}

/**
 * Reads the data of an event. Optional parts that are missing or malformed are left out. Throws UnreadableEventError for
 * data without what every message needs.
 */
export function readOrderEvent({ type, subject, data }: { type: string; subject: string; data: string }): OrderFacts {
  const fields = asObject(parse(data));
  if (fields === undefined) {
    throw new UnreadableEventError("the data is not a JSON object");
  }
  const isCart = type.startsWith("sagacart.cart.");
  return {
    orderId: isCart ? "" : readId(fields.orderId ?? subject, "orderId"),
    cartId: isCart ? readId(fields.cartId ?? subject, "cartId") : "",
    cartName: oneLine(fields.name, 200),
    hasCart: isCart || fields.hasCart === true || (typeof fields.cartId === "string" && fields.cartId !== ""),
    customerId: isCart && fields.customerId === undefined ? "" : readId(fields.customerId, "customerId"),
    total: readAmount(fields.total),
    lines: list(fields.lines).flatMap(readLine),
    reason: oneLine(fields.reason, 300),
    detail: oneLine(fields.detail, 300),
    source: oneLine(fields.source, 20),
    disputeId: oneLine(fields.disputeId, 100),
    shortages: list(fields.shortages).flatMap(readShortage),
    trackingNumber: oneLine(fields.trackingNumber, 100),
    payBack: readPayBack(fields.payBack),
    expireTime: readTime(fields.expireTime),
    contactEmail: oneLine(fields.contactEmail, 254),
  };
}

/** Serializes facts for storage. readOrderEvent reads them back. */
export function writeFacts({ cartName, ...facts }: OrderFacts): string {
  return JSON.stringify({ ...facts, name: cartName }, (_, value) => (typeof value === "bigint" ? `${value}` : value));
}

/** Returns the text as one line without control characters, cut to `maxLength`; "" for other values. */
export function oneLine(value: unknown, maxLength: number): string {
  const text = typeof value === "string" ? value : "";
  return truncate(text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").trim(), maxLength);
}

function readId(value: unknown, name: string): string {
  if (typeof value !== "string" || !/^[A-Za-z0-9._~-]{1,63}$/.test(value)) {
    throw new UnreadableEventError(`${name} is not a valid id`);
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
  // protobuf's JSON omits zeros.
  const available = shortage?.available ?? 0;
  return productId !== "" && isCount(requested) && isCount(available) ? [{ productId, requested, available }] : [];
}

function readPayBack(value: unknown): PayBack | undefined {
  const payBack = asObject(value);
  if (payBack === undefined) {
    return undefined;
  }
  const paidBack = readAmount(payBack.paidBack);
  const settledOtherwise = readAmount(payBack.settledOtherwise);
  const isReadable =
    (payBack.paidBack === undefined || paidBack !== undefined) &&
    (payBack.settledOtherwise === undefined || settledOtherwise !== undefined);
  // An amount that cannot be read does not mean that nothing was taken.
  return isReadable ? { paidBack: positive(paidBack), settledOtherwise: positive(settledOtherwise) } : undefined;
}

function positive(amount: Amount | undefined): Amount | undefined {
  return amount !== undefined && amount.minorUnits > 0n ? amount : undefined;
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
  // protobuf's JSON omits zeros.
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
