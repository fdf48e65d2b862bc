import type { Metrics } from "@sagacart/chassis/process/metrics";
import { ApplicationFailure } from "@temporalio/common";
import { Counter, Histogram } from "prom-client";
import { decodeOutcomes } from "../sagas/codes.ts";
import { type Outcome, outcomeActivities } from "../sagas/plan.ts";
import { type Steps, transientFailure } from "../sagas/steps.ts";

/**
 * Wraps the activities to measure them: `sagacart_saga_step_duration_seconds` by step and outcome (done; busy, which is
 * retried; bad, which no retry mends) and `sagacart_saga_step_orders_total` by step and what comes next for the order.
 */
export function measuredSteps(steps: Steps, metrics: Metrics): Steps {
  const registers = [metrics];
  const durations = new Histogram({
    name: "sagacart_saga_step_duration_seconds",
    help: "How long one attempt at a step of the saga took, over however many orders.",
    labelNames: ["step", "outcome"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const orders = new Counter({
    name: "sagacart_saga_step_orders_total",
    help: "Orders that a step was done for, by what is next: next step, waits, undo, gone (final, or another's).",
    labelNames: ["step", "next"],
    registers,
  });
  const measured = Object.entries(steps).map(([name, run]) => {
    const step = metricName(name);
    for (const outcome of ["done", "busy", "bad"]) {
      durations.zero({ step, outcome });
    }
    return [
      name,
      async (input: never) => {
        const stop = durations.startTimer({ step });
        try {
          const answer = await (run as (input: never) => Promise<unknown>)(input);
          stop({ outcome: "done" });
          if (outcomeActivities.has(name) && typeof answer === "string") {
            for (const [next, count] of countOf(decodeOutcomes(answer))) {
              orders.inc({ step, next }, count);
            }
          }
          return answer;
        } catch (error) {
          stop({ outcome: error instanceof ApplicationFailure && error.type === transientFailure ? "busy" : "bad" });
          throw error;
        }
      },
    ];
  });
  // The same names and signatures, each measured.
  return Object.fromEntries(measured) as Steps;
}

/** The label `step` of an activity: its name in snake_case. */
function metricName(activity: string): string {
  return activity.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function countOf(outcomes: readonly Outcome[]): Map<Outcome, number> {
  const counts = new Map<Outcome, number>();
  for (const outcome of outcomes) {
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
}
