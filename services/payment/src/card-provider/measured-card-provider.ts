import type { Metrics } from "@sagacart/chassis/process/metrics";
import { callMeter } from "@sagacart/provider/call-meter";
import type { CardProvider } from "./card-provider.ts";

/** Measures the calls as `payment_provider_call_duration_seconds`, by kind and answer. `failed`: the outcome is unknown. */
export function measuredCardProvider(cardProvider: CardProvider, metrics: Metrics): CardProvider {
  const timed = callMeter(metrics, {
    name: "payment_provider_call_duration_seconds",
    help: "How long the card provider took to answer a call, by its answer.",
  });
  const kindOf = ({ kind }: { readonly kind: string }) => kind;
  return {
    charge: (key, content, signal) => timed("charge", cardProvider.charge(key, content, signal), kindOf),
    cancel: (key, signal) => timed("cancel", cardProvider.cancel(key, signal), kindOf),
    refund: (key, content, signal) => timed("refund", cardProvider.refund(key, content, signal), kindOf),
    read: (key, signal) => timed("read", cardProvider.read(key, signal), kindOf),
  };
}
