import type { Interceptor } from "@connectrpc/connect";
import { toConnectError } from "../../errors.ts";
import { aroundEach } from "./streams.ts";

/** The one place where what was thrown becomes what goes over the wire. */
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

/** What an abort makes others throw says only that there was one; the signal knows why (a deadline, a cancel). */
function realReason(error: unknown, signal: AbortSignal): unknown {
  const interrupted = error instanceof Error && error.name === "AbortError";
  return signal.aborted && interrupted && signal.reason !== undefined ? signal.reason : error;
}
