import { inSpan, startSpan } from "@sagacart/chassis/trace/trace";
import type { StepName } from "../sagas/attempt.ts";
import type { Carry, Steps } from "../sagas/steps.ts";
import type { Carried } from "./finished-batches.ts";

/**
 * The steps in a row, as one activity: that saved a quarter of the worker's CPU, which went into telling Temporal's SDK
 * of three activities and an undo, one after the other. Nothing is lost without that, for local activities are written
 * down together, when the workflow task ends.
 */
export function createCarry(steps: Pick<Steps, StepName>, carried: Carried): Carry {
  return {
    async carry({ workflowId, orderIds }) {
      const codes = new Map<string, string>();
      const undoing: Promise<unknown>[] = [];

      /** Answers those that go on. */
      async function run(name: StepName, ids: readonly string[]): Promise<string[]> {
        if (ids.length === 0) {
          return [];
        }
        const answer = await inSpan(startSpan(`step ${name}`), () => steps[name]({ workflowId, orderIds: ids }));
        for (const [index, orderId] of ids.entries()) {
          codes.set(orderId, answer[index] ?? "g");
        }
        const undo = ids.filter((orderId) => codes.get(orderId) === "u");
        if (undo.length > 0) {
          // Where it fails they stay as they are, to be undone: with patience, and an incident in the end.
          undoing.push(run("undo", undo).catch(() => {}));
        }
        return ids.filter((orderId) => codes.get(orderId) === "n");
      }

      try {
        await run("ship", await run("charge", await run("reserve", orderIds)));
      } finally {
        // Also where a step failed: who takes the orders on again is not to meet what is still under way here.
        await Promise.all(undoing);
      }
      carried.tell(workflowId);
      return orderIds.map((orderId) => codes.get(orderId) ?? "g").join("");
    },
  };
}
