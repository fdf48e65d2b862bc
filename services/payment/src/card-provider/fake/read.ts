import { type JsonFields, matching } from "@sagacart/provider/json";
import { type Content, type Faults, faultyCalls, type NewRefund } from "./charge-store.ts";

/** Reads the charge out of a request's body; undefined where it is incomplete. */
export function readContent(body: JsonFields | undefined): Content | undefined {
  const { paymentMethod, currency } = body ?? {};
  const amountMinor = readAmount(body?.amountMinor);
  const isComplete = typeof paymentMethod === "string" && typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
  return isComplete && amountMinor !== undefined ? { paymentMethod, currency, amountMinor } : undefined;
}

export type RefundContent = Pick<NewRefund, "charge" | "amountMinor">;

/** Reads the refund out of a request's body; undefined where it is incomplete. */
export function readRefund(body: JsonFields | undefined): RefundContent | undefined {
  const { charge } = body ?? {};
  const amountMinor = readAmount(body?.amountMinor);
  return typeof charge === "string" && amountMinor !== undefined ? { charge, amountMinor } : undefined;
}

/** Reads how often and how late the webhook of what happened outside the shop is sent: once and at once unless the body says so. */
export function readDelivery(body: JsonFields | undefined): { webhooks: number; delayMs: number } {
  return { webhooks: readCount(body?.webhooks, 10) ?? 1, delayMs: readCount(body?.delayMs, 3_600_000) ?? 0 };
}

/** Reads which calls about a charge are to be refused, and why; undefined where the body is anything else. */
export function readFaults(body: JsonFields | undefined): Faults | undefined {
  const faults = Object.entries(body ?? { none: "" }).map(([name, value]) => {
    const call = faultyCalls.find((call) => call === name);
    const reason = matching(value, /^[a-z0-9_]{1,100}$/);
    return call === undefined || reason === undefined ? undefined : ([call, reason] as const);
  });
  const read = faults.filter((fault) => fault !== undefined);
  return read.length === faults.length ? Object.fromEntries(read) : undefined;
}

function readCount(value: unknown, most: number): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most ? value : undefined;
}

/** Reads an amount of more than nothing, in minor units as text. */
export function readAmount(value: unknown): bigint | undefined {
  return typeof value === "string" && /^[1-9]\d{0,15}$/.test(value) ? BigInt(value) : undefined;
}
