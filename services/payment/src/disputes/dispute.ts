export type DisputeState = "OPEN" | "WON" | "LOST";

/** A dispute as it is stored. */
export type Dispute = {
  /** The card provider's id. */
  readonly id: string;
  /** A UUIDv7: sorts by time. */
  readonly place: string;
  readonly paymentId: string;
  /** The order and the customer are the payment's. */
  readonly orderId: string;
  readonly customerId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly state: DisputeState;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** The provider's report of a dispute: it may be the first that is heard of it, whatever its state. */
export type DisputeNews = {
  readonly kind: "disputed";
  readonly disputeId: string;
  readonly state: DisputeState;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly reason: string;
};

/**
 * The states that a dispute goes through when the provider tells of it; none for a repeat, or for news that are late. A
 * dispute that is decided before it was opened here is opened and decided at once. The first decision counts.
 */
export function disputeSteps(before: DisputeState | undefined, told: DisputeState): readonly DisputeState[] {
  switch (before) {
    case undefined:
      return told === "OPEN" ? ["OPEN"] : ["OPEN", told];
    case "OPEN":
      return told === "OPEN" ? [] : [told];
    case "WON":
    case "LOST":
      return [];
    default:
      return before satisfies never;
  }
}

/** Returns true if the provider decided a dispute twice, and differently. */
export function contradicts(before: DisputeState | undefined, told: DisputeState): boolean {
  return (before === "WON" && told === "LOST") || (before === "LOST" && told === "WON");
}
