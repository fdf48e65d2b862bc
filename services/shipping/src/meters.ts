import type { Metrics } from "@sagacart/chassis/metrics";
import { Histogram } from "prom-client";
import type { Carrier } from "./carrier.ts";

/** The carrier, with `shipping_carrier_call_duration_seconds` by kind and answer; `failed` says nothing of what became. */
export function measuredCarrier(carrier: Carrier, metrics: Metrics): Carrier {
  const durations = new Histogram({
    name: "shipping_carrier_call_duration_seconds",
    help: "How long the carrier took to answer a call, by what it answered.",
    labelNames: ["kind", "answer"],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [metrics],
  });
  const timed = async <A>(kind: string, asking: Promise<A>, answerOf: (answer: A) => string): Promise<A> => {
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
  return {
    create: (key, address, signal) => timed("create", carrier.create(key, address, signal), ({ kind }) => kind),
    cancel: (key, signal) => timed("cancel", carrier.cancel(key, signal), (answer) => answer),
  };
}
