import {
  ApplicationFailure,
  ChildWorkflowFailure,
  executeChild,
  proxyActivities,
  TimeoutFailure,
  workflowInfo,
} from "@temporalio/workflow";
import type { checkout } from "./checkout.ts";
import { poisonFailure, type SyntheticOrder, type SyntheticSteps } from "./steps.ts";

export type SyntheticInput = {
  /** The longest that each try may take, in ms. */
  readonly withinMs?: number;
  /** How many tries may be too slow before the gate fails. Anything else that is wrong fails at the first try. */
  readonly tries?: number;
};

/** Long enough for a busy shop, and over before a step that fails again and again raises an incident. */
const defaultWithinMs = 45_000;

/** Patient: the services may just be starting, and the Worker Controller runs the gate of a version only once. */
const { placeSynthetic, judgeSynthetic } = proxyActivities<SyntheticSteps>({
  startToCloseTimeout: "10 s",
  scheduleToCloseTimeout: "15 min",
  retry: { initialInterval: "500 ms", maximumInterval: "5 s", nonRetryableErrorTypes: [poisonFailure] },
});

/**
 * The gate of a new version of the worker: a batch of two synthetic orders, one that is sold and one that is declined
 * and undone, run by this version's own checkout. Fails with a sentence that says what went wrong; then the version
 * gets no customer's order.
 *
 * The child runs on the version of its parent, which the Worker Controller pins to the one it tries. The child owns
 * the orders from the start, so no dispatcher of another version ever sees them. Orders left over from a failed try
 * go to the version in use, like the orders of any workflow that is gone.
 *
 * The money is XTS, the currency that ISO 4217 reserves for tests, and the goods are for pickup: no provider or carrier
 * is asked, the product is in no list, and the orders appear in no figures, mails or deliveries.
 */
export async function syntheticCheckout(input: SyntheticInput = {}): Promise<string> {
  const { withinMs = defaultWithinMs, tries = 3 } = input;
  for (let number = 1; ; number++) {
    const problem = await tryOnce(number, withinMs);
    if (problem === undefined) {
      return `the synthetic orders ended as they must, in try ${number}`;
    }
    if (problem.isFinal || number >= tries) {
      const sentences = problem.sentences.join("; ");
      throw ApplicationFailure.nonRetryable(`the synthetic checkout failed: ${sentences}`, "GATE_FAILED");
    }
  }
}

type Problem = { readonly sentences: readonly string[]; readonly isFinal: boolean };

async function tryOnce(number: number, withinMs: number): Promise<Problem | undefined> {
  const owner = `synthetic-${workflowInfo().runId}-${number}`;
  const orders: SyntheticOrder[] = [
    { orderId: `${owner}-sold`, endsAs: "COMPLETED" },
    { orderId: `${owner}-declined`, endsAs: "REJECTED" },
  ];
  try {
    await placeSynthetic({ owner, orders });
    const { handedOver } = await executeChild<typeof checkout>("checkout", {
      workflowId: owner,
      args: [{ orderIds: orders.map(({ orderId }) => orderId), atOnce: true, tellEnds: true }],
      workflowExecutionTimeout: withinMs,
      parentClosePolicy: "TERMINATE",
    });
    // A batch with a poison order hands it over to the version in use, which completes it: that is not a pass.
    const sentences =
      handedOver > 0
        ? [`this version handed ${handedOver} of its orders over, since a step failed on them`]
        : await judgeSynthetic({ owner, orders });
    return sentences.length === 0 ? undefined : { sentences, isFinal: true };
  } catch (error) {
    if (error instanceof ChildWorkflowFailure && error.cause instanceof TimeoutFailure) {
      const found = await judgeSynthetic({ owner, orders });
      return { sentences: [`the checkout took longer than ${withinMs} ms`, ...found], isFinal: false };
    }
    return { sentences: [messageOf(error)], isFinal: true };
  }
}

function messageOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) {
    innermost = innermost.cause;
  }
  return innermost instanceof Error ? innermost.message : String(innermost);
}
