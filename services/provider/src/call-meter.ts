import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Histogram } from "prom-client";

/** Measures a call by its kind and its answer. `failed`: the call threw, and its outcome is unknown. */
export type CallMeter = <A>(kind: string, asking: Promise<A>, answerOf: (answer: A) => string) => Promise<A>;

/** Makes a histogram of how long an external provider took to answer, by kind and answer. */
export function callMeter(metrics: Metrics, { name, help }: { name: string; help: string }): CallMeter {
  const durations = new Histogram({
    name,
    help,
    labelNames: ["kind", "answer"],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [metrics],
  });
  return async (kind, asking, answerOf) => {
    const stop = durations.startTimer({ kind });
    try {
      const answer = await asking;
      stop({ answer: answerOf(answer) });
      return answer;
    } catch (error) {
      stop({ answer: "failed" });
      throw error;
    }
  };
}
