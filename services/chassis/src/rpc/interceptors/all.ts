import type { Interceptor } from "@connectrpc/connect";
import { authInterceptor } from "../../auth/interceptor.ts";
import type { Verifier } from "../../auth/verify.ts";
import type { Log } from "../../process/log.ts";
import { type Metrics, serverMeter } from "../../process/metrics.ts";
import { tracer } from "../../trace/trace.ts";
import { contextInterceptor } from "./context.ts";
import { errorInterceptor } from "./errors.ts";
import { nulInterceptor } from "./nul.ts";
import { observeInterceptor } from "./observe.ts";
import { traceInterceptor } from "./trace.ts";
import { validateInterceptor } from "./validate.ts";

export type InterceptorOptions = { domain: string; log: Log; metrics?: Metrics; verifier?: Verifier | undefined };

/** What happens around each call that a service answers, outermost first. */
export function serverInterceptors(options: InterceptorOptions): Interceptor[] {
  return [contextInterceptor(), ...innerInterceptors(options)];
}

/** The same without the context, for a server that has read it already. */
export function innerInterceptors(options: InterceptorOptions): Interceptor[] {
  const meter = options.metrics === undefined ? undefined : serverMeter(options.metrics);
  const tracing = tracer();
  return [
    ...(tracing === undefined ? [] : [traceInterceptor(tracing)]),
    observeInterceptor({ log: options.log, meter }),
    errorInterceptor(options.domain),
    ...(options.verifier === undefined ? [] : [authInterceptor(options.verifier)]),
    nulInterceptor(),
    validateInterceptor(),
  ];
}
