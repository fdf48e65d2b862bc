import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  executeChild,
  isCancellation,
  proxyActivities,
  workflowInfo,
} from "@temporalio/workflow";
import type { checkout } from "./checkout.ts";
import type { SyntheticOrder, SyntheticSteps } from "./synthetic-steps.ts";

export type SyntheticInput = {
  /** How long it may take at most, in ms. */
  readonly withinMs?: number;
};

/** Long enough for a busy shop, and over before a step that fails again and again raises an incident. */
const usuallyWithinMs = 30_000;

const { placeSynthetic, judgeSynthetic } = proxyActivities<SyntheticSteps>({
  startToCloseTimeout: "10 s",
  retry: { initialInterval: "200 ms", maximumInterval: "2 s", maximumAttempts: 5 },
});

/**
 * The gate of a new version of the worker: a batch of two orders that nobody wants, one that is sold and one that is
 * declined and undone, carried by this version's own checkout. Fails with a sentence that says what went wrong; then
 * the version gets no order of a customer.
 *
 * The child runs on the version of its parent, which the Worker Controller pins to the one it tries. The orders are
 * the child's from the start, so no dispatcher of another version ever sees them. Where the gate fails, the child ends
 * with it, and what it left is given to the version in use, as the orders of any workflow that is gone.
 *
 * The money is XTS, the currency that ISO 4217 reserves for tests, and the goods are fetched: no provider or carrier
 * is asked, the product is in no list, and nobody's figures, mails or deliveries show the orders.
 */
export async function syntheticCheckout({ withinMs = usuallyWithinMs }: SyntheticInput = {}): Promise<string> {
  const { runId } = workflowInfo();
  const carrier = `synthetic-${runId}`;
  const orders: SyntheticOrder[] = [
    { orderId: `${carrier}-sold`, endsAs: "COMPLETED" },
    { orderId: `${carrier}-declined`, endsAs: "REJECTED" },
  ];
  let wrong: readonly string[];
  try {
    wrong = await CancellationScope.withTimeout(withinMs, async () => {
      await placeSynthetic({ carrier, orders });
      const { handedOver } = await executeChild<typeof checkout>("checkout", {
        workflowId: carrier,
        args: [{ orderIds: orders.map(({ orderId }) => orderId) }],
        // It cannot be cancelled, only left; it ends with its parent.
        cancellationType: ChildWorkflowCancellationType.ABANDON,
        parentClosePolicy: "TERMINATE",
      });
      // A step that trips over an order gives it away to the version in use, which ends it: that is no pass.
      return handedOver > 0
        ? [`${handedOver} of its orders could not be carried to the end by this version`]
        : await judgeSynthetic({ carrier, orders });
    });
  } catch (error) {
    wrong = isCancellation(error)
      ? [`it was not over after ${withinMs} ms`, ...(await stateOf(carrier, orders))]
      : [messageOf(error)];
  }
  if (wrong.length > 0) {
    throw ApplicationFailure.nonRetryable(`the synthetic checkout failed: ${wrong.join("; ")}`, "GATE_FAILED");
  }
  return `${orders.length} synthetic orders ended as they must`;
}

/** Where the orders stand, for the sentence; nothing where nobody can say. */
async function stateOf(carrier: string, orders: readonly SyntheticOrder[]): Promise<readonly string[]> {
  try {
    return await CancellationScope.nonCancellable(() => judgeSynthetic({ carrier, orders }));
  } catch {
    return [];
  }
}

function messageOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) {
    innermost = innermost.cause;
  }
  return innermost instanceof Error ? innermost.message : String(innermost);
}
