import type { Interceptor } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import type { Log } from "../log.ts";
import { type Metrics, serverMeter } from "../metrics.ts";
import { contextInterceptor } from "./context.ts";
import { errorInterceptor } from "./errors.ts";
import { observeInterceptor } from "./observe.ts";

/** What happens around each call that a service answers, outermost first. */
export function serverInterceptors(options: { domain: string; log: Log; metrics?: Metrics }): Interceptor[] {
  const meter = options.metrics === undefined ? undefined : serverMeter(options.metrics);
  return [
    contextInterceptor(),
    observeInterceptor({ log: options.log, meter }),
    errorInterceptor(options.domain),
    createValidateInterceptor(),
  ];
}
