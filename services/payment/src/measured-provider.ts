import type { Metrics } from "@sagacart/chassis/metrics";
import { Histogram } from "prom-client";
import type { Provider } from "./provider.ts";

/** The provider, with `payment_provider_call_duration_seconds` by kind and answer; `failed` says nothing of what became. */
export function measuredProvider(provider: Provider, metrics: Metrics): Provider {
  const durations = new Histogram({
    name: "payment_provider_call_duration_seconds",
    help: "How long the card provider took to answer a call, by what it answered.",
    labelNames: ["kind", "answer"],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [metrics],
  });
  const timed = async <A extends { readonly kind: string }>(kind: string, asking: Promise<A>): Promise<A> => {
    const stop = durations.startTimer({ kind });
    try {
      const answer = await asking;
      stop({ answer: answer.kind });
      return answer;
    } catch (error) {
      stop({ answer: "failed" });
      throw error;
    }
  };
  return {
    charge: (key, content, signal) => timed("charge", provider.charge(key, content, signal)),
    cancel: (key, signal) => timed("cancel", provider.cancel(key, signal)),
    refund: (key, content, signal) => timed("refund", provider.refund(key, content, signal)),
  };
}
