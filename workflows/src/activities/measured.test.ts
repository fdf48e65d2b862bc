import { createMetrics } from "@sagacart/chassis/process/metrics";
import { ApplicationFailure } from "@temporalio/common";
import { expect, test } from "vitest";
import { poisonFailure, type Steps, transientFailure } from "../sagas/steps.ts";
import { measuredSteps } from "./measured.ts";

const input = { workflowId: "w", orderIds: ["1", "2", "3"] };

test("attempts at a step are measured by their outcome, and orders by what comes next for them", async () => {
  const metrics = createMetrics("worker");
  const failures = [transientFailure, poisonFailure].map((type) => ApplicationFailure.create({ type, message: "no" }));
  const steps = measuredSteps(
    {
      reserve: async () => "nng",
      // Answers a word, not a code for each order.
      refund: async () => "waits",
      undo: async () => {
        throw failures.shift();
      },
    } as Partial<Steps> as Steps,
    metrics,
  );

  expect(await steps.reserve(input)).toBe("nng");
  expect(await steps.refund({ orderId: "1", refundId: "r" })).toBe("waits");
  await expect(steps.undo(input)).rejects.toMatchObject({ type: transientFailure });
  await expect(steps.undo(input)).rejects.toMatchObject({ type: poisonFailure });

  const tries = await metrics.getSingleMetricAsString("sagacart_saga_step_duration_seconds");
  expect(tries).toMatch(/_count\{[^}]*step="reserve",outcome="done"[^}]*\} 1$/m);
  expect(tries).toMatch(/_count\{[^}]*step="undo",outcome="busy"[^}]*\} 1$/m);
  expect(tries).toMatch(/_count\{[^}]*step="undo",outcome="bad"[^}]*\} 1$/m);
  const orders = await metrics.getSingleMetricAsString("sagacart_saga_step_orders_total");
  expect(orders).toMatch(/\{step="reserve",next="next"[^}]*\} 2$/m);
  expect(orders).toMatch(/\{step="reserve",next="gone"[^}]*\} 1$/m);
  expect(orders).not.toContain("refund");
});
