import type { Metrics } from "@sagacart/chassis/process/metrics";
import { outsideMeter } from "@sagacart/provider/call-meter";
import type { Carrier } from "./carrier.ts";

/** The carrier, with `shipping_carrier_call_duration_seconds` by kind and answer; `failed` says nothing of what became. */
export function measuredCarrier(carrier: Carrier, metrics: Metrics): Carrier {
  const timed = outsideMeter(metrics, {
    name: "shipping_carrier_call_duration_seconds",
    help: "How long the carrier took to answer a call, by what it answered.",
  });
  return {
    create: (key, address, signal) => timed("create", carrier.create(key, address, signal), ({ kind }) => kind),
    cancel: (key, signal) => timed("cancel", carrier.cancel(key, signal), (answer) => answer),
  };
}
