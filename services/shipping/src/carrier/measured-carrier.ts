import type { Metrics } from "@sagacart/chassis/process/metrics";
import { callMeter } from "@sagacart/provider/call-meter";
import type { CancelAnswer, Carrier } from "./carrier.ts";

/** Measures the calls as `shipping_carrier_call_duration_seconds`, by kind and answer. `failed`: the outcome is unknown. */
export function measuredCarrier(carrier: Carrier, metrics: Metrics): Carrier {
  const timed = callMeter(metrics, {
    name: "shipping_carrier_call_duration_seconds",
    help: "How long the carrier took to answer a call, by its answer.",
  });
  return {
    create: (key, address, signal) => timed("create", carrier.create(key, address, signal), ({ kind }) => kind),
    cancel: (key, signal) => timed("cancel", carrier.cancel(key, signal), nameOf),
  };
}

/** The reasons of carriers are without number, and are not labels. */
function nameOf(answer: CancelAnswer): string {
  return typeof answer === "object" ? "refused" : answer;
}
