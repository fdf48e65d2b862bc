import type { Interceptor } from "@connectrpc/connect";
import { toConnectError } from "../../errors.ts";
import { aroundEach } from "./streams.ts";

/** Translates thrown errors to errors on the wire. */
export function errorInterceptor(domain: string): Interceptor {
  return (next) => async (request) => {
    const funnel = (error: unknown) => toConnectError(realReason(error, request.signal), domain);
    try {
      const response = await next(request);
      if (response.stream) {
        const message = aroundEach(response.message, (step) => step().catch((error) => Promise.reject(funnel(error))));
        return { ...response, message };
      }
      return response;
    } catch (error) {
      throw funnel(error);
    }
  };
}

/** Prefers the signal's reason (deadline or cancellation) to an AbortError, which says only that there was an abort. */
function realReason(error: unknown, signal: AbortSignal): unknown {
  const interrupted = error instanceof Error && error.name === "AbortError";
  return signal.aborted && interrupted && signal.reason !== undefined ? signal.reason : error;
}
