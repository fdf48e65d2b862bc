import { inSpan, startSpan } from "@sagacart/chassis/trace/trace";
import { sortByOutcome } from "../sagas/codes.ts";
import { plan, type StepName } from "../sagas/plan.ts";
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
      const answers = new Map<string, string>();
      const undoing: Promise<unknown>[] = [];

      /** Returns the orders that go on. */
      async function run(name: StepName | "undo", ids: readonly string[]): Promise<readonly string[]> {
        if (ids.length === 0) {
          return [];
        }
        const codes = await inSpan(startSpan(`step ${name}`), () => steps[name]({ workflowId, orderIds: ids }));
        const sorted = sortByOutcome(ids, codes);
        for (const [index, orderId] of ids.entries()) {
          answers.set(orderId, codes.charAt(index));
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
      return orderIds.map((orderId) => answers.get(orderId) ?? "").join("");
    },
  };
}
