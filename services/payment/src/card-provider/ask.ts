import type { CardProvider, ChargeAnswer, ChargeReading } from "./card-provider.ts";
import type { Job, Result } from "./job.ts";

/**
 * Asks the card provider for a job. Where it refuses for good, the charge is read: what became of it decides, and not
 * the provider's words.
 */
export async function ask(cardProvider: CardProvider, job: Job, signal: AbortSignal): Promise<Result> {
  const { paymentId } = job;
  switch (job.kind) {
    case "charge": {
      const answer = await cardProvider.charge(paymentId, job.charge, signal);
      if (answer.kind !== "refused") {
        return { kind: "charge", paymentId, answer };
      }
      const reading = await cardProvider.read(paymentId, signal);
      return { kind: "charge", paymentId, answer: chargedAfterAll(reading, job.charge, answer.reason) };
    }
    case "cancel": {
      const answer = await cardProvider.cancel(paymentId, signal);
      if (answer.kind !== "refused") {
        return { kind: "cancel", paymentId, answer };
      }
      const reading = await cardProvider.read(paymentId, signal);
      // A charge that the provider does not have is not charged. If it is made after all, it is paid back then.
      return { kind: "cancel", paymentId, answer: reading.kind === "unknown" ? { kind: "cancelled" } : reading };
    }
    case "refund": {
      const { refundId, refusals, amountMinor } = job;
      const asked = { kind: "refund", paymentId, refundId, refusals, amountMinor } as const;
      const key = refusals === 0 ? refundId : `${refundId}.${refusals}`;
      const answer = await cardProvider.refund(key, job, signal);
      return answer.kind === "refused"
        ? { ...asked, answer: { ...answer, reading: await cardProvider.read(paymentId, signal) } }
        : { ...asked, answer };
    }
    default:
      return job satisfies never;
  }
}

/** The answer about a charge that was refused: it is declined, unless an earlier call has made it. */
function chargedAfterAll(
  reading: ChargeReading,
  { amountMinor }: { readonly amountMinor: bigint },
  reason: string,
): ChargeAnswer {
  switch (reading.kind) {
    case "captured":
      // Another amount is not this charge: a provider's key was used for something else.
      return reading.amountMinor === amountMinor ? reading : { kind: "declined", reason };
    case "unknown":
      return { kind: "declined", reason };
    default:
      return reading;
  }
}
