import type { Content, ProviderRefund } from "./store.ts";

/** What is to be charged, in a request's body; undefined where it says nothing of it. */
export function readContent(body: Record<string, unknown> | undefined): Content | undefined {
  const { paymentMethod, currency } = body ?? {};
  const amountMinor = readAmount(body?.amountMinor);
  const isComplete = typeof paymentMethod === "string" && typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
  return isComplete && amountMinor !== undefined ? { paymentMethod, currency, amountMinor } : undefined;
}

/** What is to be paid back, in a request's body. */
export function readRefund(body: Record<string, unknown> | undefined): Omit<ProviderRefund, "reason"> | undefined {
  const { charge } = body ?? {};
  const amountMinor = readAmount(body?.amountMinor);
  return typeof charge === "string" && amountMinor !== undefined ? { charge, amountMinor } : undefined;
}

function readAmount(value: unknown): bigint | undefined {
  return typeof value === "string" && /^[1-9]\d{0,15}$/.test(value) ? BigInt(value) : undefined;
}
