import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { codeName, errorInfo } from "../../errors.ts";
import type { Log, LogLevel } from "../../process/log.ts";
import type { CallMeter } from "../../process/metrics.ts";
import { whenStreamEnds } from "./streams.ts";
import { orderIdIn } from "./trace.ts";

/**
 * One line in the log and one observation for each call, when it ends. What went well is `debug`, what the caller
 * got wrong `info`, what is slow or away `warn`, and what is our bug `error`, with its cause.
 */
export function observeInterceptor({ log, meter }: { log: Log; meter?: CallMeter | undefined }): Interceptor {
  return (next) => async (request) => {
    const startMs = performance.now();
    meter?.begin();
    const service = request.service.typeName;
    const method = request.method.name;
    let orderId = request.stream ? undefined : orderIdIn(request.message);
    const ended = (error?: unknown) => {
      const ms = performance.now() - startMs;
      const code = error === undefined ? undefined : ConnectError.from(error).code;
      const name = code === undefined ? "ok" : codeName(code);
      meter?.observe({ rpc_service: service, rpc_method: method, code: name }, ms / 1000);
      const level = levelOf(code);
      if (log.isLevelEnabled(level)) {
        log[level](
          { rpc: `${service}/${method}`, code: name, orderId, ms: Math.round(ms * 100) / 100, ...whatOf(error) },
          "call",
        );
      }
    };
    try {
      const response = await next(request);
      if (response.stream) {
        return { ...response, message: whenStreamEnds(response.message, ended) };
      }
      orderId ??= orderIdIn(response.message);
      ended();
      return response;
    } catch (error) {
      ended(error);
      throw error;
    }
  };
}

/** Our bugs with their cause and its stack; of what is expected the reason is enough, and values stay out of the log. */
function whatOf(error: unknown): object {
  if (error === undefined) {
    return {};
  }
  const { code, domain, reason, message } = errorInfo(error);
  if (levelOf(code) === "error") {
    return { error: error instanceof ConnectError && error.cause !== undefined ? error.cause : error };
  }
  return { reason: `${domain}/${reason}`, message };
}

function levelOf(code: Code | undefined): Exclude<LogLevel, "silent"> {
  switch (code) {
    case undefined:
      return "debug";
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return "error";
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.ResourceExhausted:
      return "warn";
    default:
      return "info";
  }
}
