import {
  ApplicationFailure,
  ChildWorkflowFailure,
  executeChild,
  proxyActivities,
  TimeoutFailure,
  workflowInfo,
} from "@temporalio/workflow";
import type { SyntheticOrder, SyntheticSteps } from "../activities/synthetic.ts";
import type { checkout } from "./checkout.ts";
import { badFailure } from "./steps.ts";

export type SyntheticInput = {
  /** How long each try may take at most, in ms. */
  readonly withinMs?: number;
  /** How often to try before the gate has failed for being too slow. What is wrong fails at the first try. */
  readonly tries?: number;
};

/** Long enough for a busy shop, and over before a step that fails again and again raises an incident. */
const usuallyWithinMs = 45_000;

/** Patient: the services may just be starting, and the Worker Controller runs the gate of a version once for all. */
const { placeSynthetic, judgeSynthetic } = proxyActivities<SyntheticSteps>({
  startToCloseTimeout: "10 s",
  scheduleToCloseTimeout: "15 min",
  retry: { initialInterval: "500 ms", maximumInterval: "5 s", nonRetryableErrorTypes: [badFailure] },
});

/**
 * The gate of a new version of the worker: a batch of two orders that nobody wants, one that is sold and one that is
 * declined and undone, carried by this version's own checkout. Fails with a sentence that says what went wrong; then
 * the version gets no order of a customer.
 *
 * The child runs on the version of its parent, which the Worker Controller pins to the one it tries. The orders are
 * the child's from the start, so no dispatcher of another version ever sees them. What a try that failed left is given
 * to the version in use, as the orders of any workflow that is gone.
 *
 * The money is XTS, the currency that ISO 4217 reserves for tests, and the goods are fetched: no provider or carrier
 * is asked, the product is in no list, and nobody's figures, mails or deliveries show the orders.
 */
export async function syntheticCheckout(input: SyntheticInput = {}): Promise<string> {
  const { withinMs = usuallyWithinMs, tries = 3 } = input;
  for (let number = 1; ; number++) {
    const wrong = await tryOnce(number, withinMs);
    if (wrong === undefined) {
      return `the synthetic orders ended as they must, in try ${number}`;
    }
    if (wrong.forGood || number >= tries) {
      throw ApplicationFailure.nonRetryable(`the synthetic checkout failed: ${wrong.said.join("; ")}`, "GATE_FAILED");
    }
  }
}

type Wrong = { readonly said: readonly string[]; readonly forGood: boolean };

async function tryOnce(number: number, withinMs: number): Promise<Wrong | undefined> {
  const carrier = `synthetic-${workflowInfo().runId}-${number}`;
  const orders: SyntheticOrder[] = [
    { orderId: `${carrier}-sold`, endsAs: "COMPLETED" },
    { orderId: `${carrier}-declined`, endsAs: "REJECTED" },
  ];
  try {
    await placeSynthetic({ carrier, orders });
    const { handedOver } = await executeChild<typeof checkout>("checkout", {
      workflowId: carrier,
      args: [{ orderIds: orders.map(({ orderId }) => orderId), atOnce: true }],
      workflowExecutionTimeout: withinMs,
      parentClosePolicy: "TERMINATE",
    });
    // A step that trips over an order gives it away to the version in use, which ends it: that is no pass.
    const said =
      handedOver > 0
        ? [`this version gave ${handedOver} of its orders away, as ones that it cannot carry`]
        : await judgeSynthetic({ carrier, orders });
    return said.length === 0 ? undefined : { said, forGood: true };
  } catch (error) {
    if (error instanceof ChildWorkflowFailure && error.cause instanceof TimeoutFailure) {
      const stand = await judgeSynthetic({ carrier, orders });
      return { said: [`it was not over after ${withinMs} ms`, ...stand], forGood: false };
    }
    return { said: [messageOf(error)], forGood: true };
  }
}

function messageOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) {
    innermost = innermost.cause;
  }
  return innermost instanceof Error ? innermost.message : String(innermost);
}
