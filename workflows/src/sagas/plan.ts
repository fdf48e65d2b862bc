import type { Order_State } from "@sagacart/proto/order/v1/order";

/** The name of an order's state, as the contract has it. */
export type OrderState = Exclude<keyof typeof Order_State, "UNSPECIFIED">;

/** The next thing to happen to an order after a step. */
export type Outcome =
  /** It goes on to the next step. */
  | "next"
  /** It waits for a provider or for its customer, and leaves the batch. */
  | "waits"
  /** It was refused: what was done for it is to be undone. */
  | "undo"
  /** Nothing is left to do here: the order is final, or another workflow owns it. */
  | "gone";

/** The outcome for each state that an order may be in after a step; in all other states it is "gone". */
export type OutcomeByState = Readonly<Partial<Record<OrderState, Outcome>>>;

/** One step of the saga. */
export type PlannedStep = {
  /** The name of its activity, in metrics and in incidents. Histories hold it, so it is never changed. */
  readonly name: StepName;
  /** The states of an order that still needs this step. */
  readonly from: readonly OrderState[];
  /** The states that an order moves through when the step succeeds; none when a later step moves it on. */
  readonly through: readonly OrderState[];
  readonly after: OutcomeByState;
  /** Says what undoing the step does, for people; undefined for a step that leaves nothing to undo. */
  readonly undo: string | undefined;
  /** Says what the step does, for people. */
  readonly does: string;
  /**
   * For a step that was added later: the id for Temporal's `patched()`. Workflows that were started without the step
   * finish without it.
   */
  readonly patch?: string;
};

const rows = [
  {
    name: "reserve",
    does: "sets the stock aside",
    undo: "releases the stock",
    from: ["PENDING"],
    // An order that is paid at once moves to RESERVED together with the outcome of its charge: one write less.
    through: ["RESERVED", "AWAITING_PAYMENT"],
    after: {
      PENDING: "next",
      RESERVED: "next",
      PAID: "next",
      SHIPPING: "next",
      AWAITING_PAYMENT: "waits",
      CANCELLING: "undo",
    },
  },
  {
    name: "charge",
    does: "takes the money",
    undo: "voids the payment, or refunds what was captured",
    from: ["PENDING", "RESERVED"],
    through: ["RESERVED", "PAID", "SHIPPING"],
    after: { SHIPPING: "next", RESERVED: "waits", CANCELLING: "undo" },
  },
  {
    name: "ship",
    does: "hands the goods to the carrier and takes them off the stock",
    undo: undefined,
    from: ["PAID", "SHIPPING"],
    through: ["COMPLETED"],
    after: { SHIPPING: "waits", CANCELLING: "undo" },
  },
] as const;

export type PlanRow = (typeof rows)[number];
export type StepName = PlanRow["name"];

/**
 * The saga: its steps in order. A refused order is undone by undoing all steps, last first, whether or not they were
 * done. How to add a step: docs/adding-a-saga-step.md.
 */
export const plan: readonly PlannedStep[] = rows;

/** The row of a step. */
export function plannedStep(name: StepName): PlannedStep {
  const step = plan.find((planned) => planned.name === name);
  if (step === undefined) {
    throw new Error(`the saga has no step ${name}`);
  }
  return step;
}

/** The undoing of an order. One that is still CANCELLING afterwards waits for a provider, and is undone again. */
export const undoing = {
  name: "undo",
  from: ["CANCELLING"],
  after: { CANCELLING: "waits" },
} as const satisfies { name: string; from: readonly OrderState[]; after: OutcomeByState };

/** An order that is given up begins to be undone. */
export const afterGiveUp: OutcomeByState = { CANCELLING: "undo" };

/** The activities that answer with an outcome for each order. */
export const outcomeActivities: ReadonlySet<string> = new Set([
  ...plan.map(({ name }) => name),
  undoing.name,
  "pay",
  "giveUp",
]);
