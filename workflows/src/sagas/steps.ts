import type { Codes } from "./codes.ts";
import type { StepName } from "./plan.ts";

/** The orders that a step is for, and the workflow that owns them. */
export type StepInput = {
  readonly workflowId: string;
  readonly orderIds: readonly string[];
  /** Answer how orders ended. Absent from workflows whose code, or an older version of it, cannot decode such an answer. */
  readonly tellEnds?: boolean | undefined;
};

/** One order, and the workflow that owns it. */
export type OrderStepInput = { readonly workflowId: string; readonly orderId: string };

/** The state of an order that has a workflow of its own. */
export type OrderView = {
  /** The name of its state; "GONE" when another workflow owns it or it does not exist. */
  readonly state: string;
  readonly cancelRequested: boolean;
  /** A payment attempt was requested and has no outcome yet. */
  readonly paymentPending: boolean;
  /** When it can no longer be paid, in ms since the epoch; 0 when it does not expire. */
  readonly expireTimeMs: number;
};

/** The result of asking for a refund. */
export type RefundOutcome = "settled" | "waits";

/** The steps of the plan, and the undo, over a batch of orders. */
export type BatchSteps = Record<StepName | "undo", (input: StepInput) => Promise<Codes>>;

/**
 * The activities of the saga. Each is safe to repeat, and handles orders in whatever state they are, so that a batch
 * that is replayed, retried or started twice ends the same.
 */
export type Steps = BatchSteps & {
  /** Gives orders to workflows of their own. */
  handOver(input: Pick<StepInput, "workflowId" | "orderIds"> & { readonly why: "waits" | "poison" }): Promise<void>;
  /** Takes the money for an order that awaits payment; a decline leaves it waiting. */
  pay(input: OrderStepInput): Promise<Codes>;
  /** Begins to undo an order that was not paid in time, or was cancelled while it awaited payment. */
  giveUp(input: OrderStepInput): Promise<Codes>;
  /** Takes ownership of an order and returns its state. */
  look(input: OrderStepInput): Promise<OrderView>;
  /** Pays money back on a completed order. */
  refund(input: { readonly orderId: string; readonly refundId: string }): Promise<RefundOutcome>;
  /** Tells the operators that a step does not succeed. */
  raiseIncident(incident: {
    readonly orderId: string;
    readonly workflowId: string;
    readonly step: string;
    readonly error: string;
    readonly attempts: number;
  }): Promise<void>;
  /** Closes the incident of a step that succeeded after all. */
  clearIncident(incident: { readonly orderId: string; readonly step: string }): Promise<void>;
};

/** All steps of a batch in a row. */
export type Carry = {
  /**
   * Runs the steps of the plan, and undoes what was refused. What is left to do for an order is its outcome: "waits",
   * "undo", or "gone" for nothing. Fails when a step fails; the batch can then be run again, step by step.
   */
  carry(input: StepInput): Promise<Codes>;
};

/** A synthetic order, and the state in which it must end. */
export type SyntheticOrder = { readonly orderId: string; readonly endsAs: "COMPLETED" | "REJECTED" };

export type SyntheticBatch = {
  /** The id of the workflow that owns the orders. */
  readonly owner: string;
  readonly orders: readonly SyntheticOrder[];
};

/** The activities of the gate. Each is safe to repeat. */
export type SyntheticSteps = {
  /** Creates the product and the customers, and places the orders with `owner` as their workflow. */
  placeSynthetic(input: SyntheticBatch): Promise<void>;
  /** Returns a sentence for each thing that is not as it must be, in any service; none when all is well. */
  judgeSynthetic(input: SyntheticBatch): Promise<readonly string[]>;
};

/** The type of a failure that a retry may mend: a service is down, busy or slow. */
export const transientFailure = "BUSY";
/** The type of a failure that no retry mends: a bug, or a poison order. The string is in recorded histories. */
export const poisonFailure = "BAD";
