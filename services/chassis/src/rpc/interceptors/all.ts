import type { DescService } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { Health } from "@sagacart/proto/grpc/health/v1/health";
import { ServerReflection } from "@sagacart/proto/grpc/reflection/v1/reflection";
import { ServerReflection as ServerReflectionV1Alpha } from "@sagacart/proto/grpc/reflection/v1alpha/reflection";
import type { SecurityLog } from "../../auth/security-log.ts";
import type { Verifier } from "../../auth/verify.ts";
import type { Log } from "../../process/log.ts";
import { type Metrics, serverMeter } from "../../process/metrics.ts";
import { tracer } from "../../trace/trace.ts";
import { subjectOf } from "../subject.ts";
import { authInterceptor } from "./auth.ts";
import { contextInterceptor } from "./context.ts";
import { errorInterceptor } from "./errors.ts";
import { nulInterceptor } from "./nul.ts";
import { observeInterceptor } from "./observe.ts";
import { traceInterceptor } from "./trace.ts";
import { validateInterceptor } from "./validate.ts";

export type InterceptorOptions = {
  domain: string;
  log: Log;
  metrics?: Metrics;
  verifier?: Verifier | undefined;
  /** Records refused callers, and calls that the contract marks as security events. */
  security?: SecurityLog | undefined;
  /** The kind of resource that most calls are about, for example `order`: spans and log lines carry its id (`sagacart.order.id`, `orderId`). */
  subject?: string | undefined;
  /** Services that other processes poll: their calls begin no trace. */
  polled?: readonly DescService[] | undefined;
};

/** The interceptors around each call that a service answers, outermost first. */
export function serverInterceptors(options: InterceptorOptions): Interceptor[] {
  return [contextInterceptor(), ...innerInterceptors(options)];
}

/** The same without the context, for a server that has read it already. */
export function innerInterceptors(options: InterceptorOptions): Interceptor[] {
  const { log, metrics, verifier, domain } = options;
  const meter = metrics === undefined ? undefined : serverMeter(metrics);
  const subject = options.subject === undefined ? undefined : subjectOf(options.subject);
  const polled = new Set([...alwaysPolled, ...(options.polled ?? [])].map(({ typeName }) => typeName));
  const current = tracer();
  return [
    ...(current === undefined ? [] : [traceInterceptor({ tracer: current, subject, polled })]),
    observeInterceptor({ log, meter, subject }),
    errorInterceptor(domain),
    ...(verifier === undefined ? [] : [authInterceptor(verifier, domain.replace(/\.sagacart$/, ""), options.security)]),
    nulInterceptor(),
    validateInterceptor(),
  ];
}

const alwaysPolled: readonly DescService[] = [Health, ServerReflection, ServerReflectionV1Alpha];
