export type DisputeState = "OPEN" | "WON" | "LOST";

/** A dispute as it is stored with its order, in JSON. */
export type Dispute = {
  readonly id: string;
  readonly amountMinor: string;
  readonly reason: string;
  readonly state: DisputeState;
  readonly createTime: string;
  readonly updateTime: string;
};

export type DisputeNews = {
  readonly disputeId: string;
  readonly state: DisputeState;
  readonly amountMinor: bigint;
  readonly reason: string;
};

/** Adds news to the disputes of an order; undefined if they change nothing: the first decision counts. */
export function withNews(disputes: readonly Dispute[], news: DisputeNews, now: Date): readonly Dispute[] | undefined {
  const { disputeId: id, state, amountMinor, reason } = news;
  const known = disputes.find((dispute) => dispute.id === id);
  const updateTime = now.toISOString();
  if (known === undefined) {
    return [
      ...disputes,
      { id, amountMinor: amountMinor.toString(), reason, state, createTime: updateTime, updateTime },
    ];
  }
  if (known.state !== "OPEN" || state === "OPEN") {
    return undefined;
  }
  return disputes.map((dispute) => (dispute === known ? { ...dispute, state, updateTime } : dispute));
}

/** The sum of the disputes that are open or lost, in minor units: the shop does not have this money. */
export function disputedMinor(disputes: readonly Dispute[]): bigint {
  return disputes
    .filter(({ state }) => state !== "WON")
    .reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n);
}
