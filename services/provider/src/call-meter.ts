import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Histogram } from "prom-client";

/** Measures a call by what was answered; `failed` says nothing of what became of it. */
export type OutsideMeter = <A>(kind: string, asking: Promise<A>, answerOf: (answer: A) => string) => Promise<A>;

/** A histogram of how long somebody outside took to answer, by the kind of the call and by the answer. */
export function outsideMeter(metrics: Metrics, { name, help }: { name: string; help: string }): OutsideMeter {
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
