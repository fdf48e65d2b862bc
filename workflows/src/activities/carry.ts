import { inSpan, startSpan } from "@sagacart/chassis/trace/trace";
import { encodeOutcomes, sortByOutcome } from "../sagas/codes.ts";
import { type Outcome, plan, type StepName } from "../sagas/plan.ts";
import type { BatchSteps, Carry } from "../sagas/steps.ts";
import type { FinishedBatches } from "./finished-batches.ts";

/**
 * The steps in a row, as one activity. That saves a quarter of the worker's CPU, which Temporal's SDK spends on
 * separate activities. Nothing is lost: the results of local activities are written down together, when the workflow
 * task ends.
 */
export function createCarry(steps: BatchSteps, finished: FinishedBatches): Carry {
  return {
    async carry({ workflowId, orderIds }) {
      const outcomes = new Map<string, Outcome>();
      const undoing: Promise<unknown>[] = [];

      /** Returns the orders that go on. */
      async function run(name: StepName | "undo", ids: readonly string[]): Promise<readonly string[]> {
        if (ids.length === 0) {
          return [];
        }
        const codes = await inSpan(startSpan(`step ${name}`), () => steps[name]({ workflowId, orderIds: ids }));
        const sorted = sortByOutcome(ids, codes);
        for (const outcome of allOutcomes) {
          for (const orderId of sorted[outcome]) {
            outcomes.set(orderId, outcome);
          }
        }
        if (sorted.undo.length > 0) {
          // When the undo fails, the orders keep the outcome "undo", and the workflow undoes them with retries.
          undoing.push(run("undo", sorted.undo).catch(() => {}));
        }
        return sorted.next;
      }

      try {
        let going = orderIds;
        for (const { name } of plan) {
          going = await run(name, going);
        }
      } finally {
        // Also when a step failed: whoever runs these orders next must not meet an undo that is still running here.
        await Promise.all(undoing);
      }
      finished.announce(workflowId);
      return encodeOutcomes(orderIds.map((orderId) => outcomes.get(orderId) ?? "gone"));
    },
  };
}

const allOutcomes: readonly Outcome[] = ["next", "waits", "undo", "gone"];
