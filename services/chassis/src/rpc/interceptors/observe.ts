import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { TransportError } from "../../client/wire-error.ts";
import { codeName, errorInfo } from "../../errors.ts";
import type { Log, LogLevel } from "../../process/log.ts";
import type { CallMeter } from "../../process/metrics.ts";
import type { Subject } from "../subject.ts";
import { whenStreamEnds } from "./streams.ts";

export type ObserveOptions = { log: Log; meter: CallMeter | undefined; subject: Subject | undefined };

/**
 * Logs and measures each call when it ends. Successes are logged as `debug`, the caller's mistakes as `info`, slow or
 * unavailable services as `warn`, and our bugs as `error`, with their cause.
 */
export function observeInterceptor({ log, meter, subject }: ObserveOptions): Interceptor {
  return (next) => async (request) => {
    const startMs = performance.now();
    meter?.begin();
    const service = request.service.typeName;
    const method = request.method.name;
    let subjectId = request.stream ? undefined : subject?.idIn(request.message);
    const ended = (error?: unknown) => {
      const ms = performance.now() - startMs;
      const code = error === undefined ? undefined : ConnectError.from(error).code;
      const name = code === undefined ? "ok" : codeName(code);
      meter?.observe({ rpc_service: service, rpc_method: method, code: name }, ms / 1000);
      const level = levelOf(code);
      if (log.isLevelEnabled(level)) {
        const about = subject === undefined ? {} : { [subject.logField]: subjectId };
        log[level](
          { rpc: `${service}/${method}`, code: name, ...about, ms: Math.round(ms * 100) / 100, ...causeOf(error) },
          "call",
        );
      }
    };
    try {
      const response = await next(request);
      if (response.stream) {
        return { ...response, message: whenStreamEnds(response.message, ended) };
      }
      subjectId ??= subject?.idIn(response.message);
      ended();
      return response;
    } catch (error) {
      ended(error);
      throw error;
    }
  };
}

/** Bugs are logged with their cause and its stack, expected errors by reason and message. */
function causeOf(error: unknown): object {
  if (error === undefined) {
    return {};
  }
  const { code, domain, reason, message } = errorInfo(error);
  if (levelOf(code) === "error") {
    return { error: error instanceof ConnectError && error.cause !== undefined ? error.cause : error };
  }
  const transport = transportMessage(error);
  return { reason: `${domain}/${reason}`, message, ...(transport === undefined ? {} : { transport }) };
}

/** The transport's own words on a call of ours that failed: which address refused it, and how. Callers are not told. */
function transportMessage(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof TransportError) {
      return cause.message;
    }
  }
  return undefined;
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
