import type { Metrics } from "@sagacart/chassis/process/metrics";
import { ApplicationFailure } from "@temporalio/common";
import { Counter, Histogram } from "prom-client";
import { busyFailure, type Steps } from "../sagas/steps.ts";

/**
 * The steps, with `sagacart_saga_step_duration_seconds` by step and outcome (done; busy, which is tried again; bad,
 * which no other try mends) and `sagacart_saga_step_orders_total` by step and what is next for the order.
 */
export function measuredSteps(steps: Steps, metrics: Metrics): Steps {
  const registers = [metrics];
  const durations = new Histogram({
    name: "sagacart_saga_step_duration_seconds",
    help: "How long one try of a step of the saga took, over however many orders.",
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
    const step = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
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
          if (typeof answer === "string" && step in codedSteps) {
            for (const [code, next] of meanings) {
              const count = answer.split(code).length - 1;
              if (count > 0) {
                orders.inc({ step, next }, count);
              }
            }
          }
          return answer;
        } catch (error) {
          stop({ outcome: error instanceof ApplicationFailure && error.type === busyFailure ? "busy" : "bad" });
          throw error;
        }
      },
    ];
  });
  // The same names and signatures, each with its tries measured.
  return Object.fromEntries(measured) as Steps;
}

/** Those that answer a letter for each order. */
const codedSteps = { reserve: true, charge: true, ship: true, undo: true, pay: true, give_up: true };

const meanings = [
  ["n", "next"],
  ["w", "waits"],
  ["u", "undo"],
  ["g", "gone"],
] as const;
