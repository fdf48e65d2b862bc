import { signWebhook } from "@sagacart/provider/webhook-signature";
import { providerSecrets } from "./card-provider.ts";
import type { TestPayment } from "./stack.ts";

/** Sends a webhook, signed as the card provider does. */
export async function sendWebhook(
  { payments }: Pick<TestPayment, "payments">,
  event: unknown,
  other: { secret?: string; time?: Date; provider?: string } = {},
): Promise<void> {
  const body = Buffer.from(typeof event === "string" ? event : JSON.stringify(event));
  const signature = signWebhook(body, other.secret ?? providerSecrets.webhookSecret, other.time ?? new Date());
  await payments.receiveWebhook({ provider: other.provider ?? "card", body, signature });
}

/** The webhook of a refund. Without a `refundKey` it is one that the merchant made at the provider. */
export function refunded(
  key: string,
  refund: { refundId: string; amountMinor: number; refundKey?: string; currency?: string },
  id = `evt_${refund.refundId}`,
) {
  const data = { key, currency: "USD", ...refund, amountMinor: `${refund.amountMinor}` };
  return { id, type: "charge.refunded", data };
}

/** The webhook of a dispute. */
export function disputed(
  key: string,
  state: "opened" | "won" | "lost",
  dispute: { disputeId: string; amountMinor?: number; currency?: string; reason?: string },
  id = `evt_${dispute.disputeId}_${state}`,
) {
  const data = { key, currency: "USD", reason: "fraudulent", ...dispute, amountMinor: `${dispute.amountMinor ?? 100}` };
  return { id, type: `dispute.${state}`, data };
}
