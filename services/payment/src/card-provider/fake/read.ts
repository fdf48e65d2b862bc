import type { JsonFields } from "@sagacart/provider/json";
import type { Content, ProviderRefund } from "./charge-store.ts";

/** Reads the charge out of a request's body; undefined where it is incomplete. */
export function readContent(body: JsonFields | undefined): Content | undefined {
  const { paymentMethod, currency } = body ?? {};
  const amountMinor = readAmount(body?.amountMinor);
  const isComplete = typeof paymentMethod === "string" && typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
  return isComplete && amountMinor !== undefined ? { paymentMethod, currency, amountMinor } : undefined;
}

/** Reads the refund out of a request's body; undefined where it is incomplete. */
export function readRefund(body: JsonFields | undefined): Omit<ProviderRefund, "reason"> | undefined {
  const { charge } = body ?? {};
  const amountMinor = readAmount(body?.amountMinor);
  return typeof charge === "string" && amountMinor !== undefined ? { charge, amountMinor } : undefined;
}

function readAmount(value: unknown): bigint | undefined {
  return typeof value === "string" && /^[1-9]\d{0,15}$/.test(value) ? BigInt(value) : undefined;
}
