import type { Metrics } from "@sagacart/chassis/process/metrics";
import { outsideMeter } from "@sagacart/provider/call-meter";
import type { Provider } from "./card-provider.ts";

/** The provider, with `payment_provider_call_duration_seconds` by kind and answer; `failed` says nothing of what became. */
export function measuredProvider(provider: Provider, metrics: Metrics): Provider {
  const timed = outsideMeter(metrics, {
    name: "payment_provider_call_duration_seconds",
    help: "How long the card provider took to answer a call, by what it answered.",
  });
  const kindOf = ({ kind }: { readonly kind: string }) => kind;
  return {
    charge: (key, content, signal) => timed("charge", provider.charge(key, content, signal), kindOf),
    cancel: (key, signal) => timed("cancel", provider.cancel(key, signal), kindOf),
    refund: (key, content, signal) => timed("refund", provider.refund(key, content, signal), kindOf),
  };
}
