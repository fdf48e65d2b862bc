/**
 * One letter an order, in the order of the ids that were given: what is next for it. Workflows carry ids and outcome
 * codes, nothing else: a batch of a thousand orders comes back in a thousand bytes.
 *
 *     n  goes on to the next step
 *     w  waits for the world outside, or for its customer: leaves the batch
 *     u  is to be undone
 *     g  is gone: final, or carried by another workflow
 */
export type Codes = string;

/** Which orders, and the workflow that carries them. */
export type StepInput = { readonly workflowId: string; readonly orderIds: readonly string[] };

/** What an order that has a workflow of its own is doing. */
export type OrderView = {
  /** The name of its state; "GONE" where another workflow carries it or it does not exist. */
  readonly state: string;
  readonly cancelRequested: boolean;
  /** A payment attempt was asked for and has no outcome yet. */
  readonly paymentPending: boolean;
  /** When it can no longer be paid, in ms since the epoch; 0 where it does not expire. */
  readonly expireTimeMs: number;
};

/** What became of asking for a refund. */
export type RefundOutcome = "settled" | "waits";

/**
 * The steps of the saga as the workflows see them. Each is safe to repeat; each takes the orders from wherever they
 * stand, so that a batch that is replayed, retried or started twice ends the same.
 */
export type Steps = {
  /** Sets stock aside: RESERVED, AWAITING_PAYMENT or REJECTED. */
  reserve(input: StepInput): Promise<Codes>;
  /** Takes the money: PAID and then SHIPPING, or CANCELLING because it was declined. */
  charge(input: StepInput): Promise<Codes>;
  /** Has the carrier take it, then commits the stock: COMPLETED, or CANCELLING because the carrier refused. */
  ship(input: StepInput): Promise<Codes>;
  /** Undoes what was done, last first: pays back, releases, and ends the order as was decided. */
  undo(input: StepInput): Promise<Codes>;
  /** Gives orders to workflows of their own. */
  handOver(input: StepInput & { readonly why: string }): Promise<void>;
  /** Takes the money for an order that awaits payment; a decline leaves it waiting. */
  pay(input: { readonly workflowId: string; readonly orderId: string }): Promise<Codes>;
  /** Begins to undo an order that was not paid in time, or was cancelled while it waited. */
  giveUp(input: { readonly workflowId: string; readonly orderId: string }): Promise<Codes>;
  /** Takes an order on and tells where it stands. */
  look(input: { readonly workflowId: string; readonly orderId: string }): Promise<OrderView>;
  /** Pays money back on a completed order. */
  refund(input: { readonly orderId: string; readonly refundId: string }): Promise<RefundOutcome>;
  /** Tells an operator that a step does not succeed. */
  raiseIncident(incident: {
    readonly orderId: string;
    readonly workflowId: string;
    readonly step: string;
    readonly error: string;
    readonly attempts: number;
  }): Promise<void>;
  /** Says that the step went well after all. */
  clearIncident(incident: { readonly orderId: string; readonly step: string }): Promise<void>;
};

/** All the steps of a batch in a row. */
export type Carry = {
  /**
   * Reserves, charges and ships, and undoes what has to be undone. The letters are `w` and `u` for what is left to do,
   * and `g` for all others. Fails as the step does that fails; then the orders can be taken on again, step by step.
   */
  carry(input: StepInput): Promise<Codes>;
};

/** The type of a failure that another try may mend: somebody is down, busy or slow. */
export const busyFailure = "BUSY";
/** The type of a failure that no other try will mend: a bug, or an order that trips over one. */
export const badFailure = "BAD";
