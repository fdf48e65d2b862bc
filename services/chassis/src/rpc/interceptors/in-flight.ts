import { Code, type Interceptor } from "@connectrpc/connect";
import { DomainError, defineReasons, errorInfo, toConnectError } from "../../errors.ts";

export const shutdownReasons = defineReasons({ SHUTTING_DOWN: Code.Unavailable });

/** Returns true for the error by which a server ends its streams when it shuts down. */
export function isShutdown(error: unknown): boolean {
  return errorInfo(error).reason === ("SHUTTING_DOWN" satisfies keyof typeof shutdownReasons);
}

/** Tracks the calls in progress, so that a server can drain. */
export type InFlight = {
  /** Counts the calls that pass through it, and ends their streams. */
  readonly interceptor: Interceptor;
  /** Counts a unary call that does not pass through the interceptor … */
  enter(): void;
  /** … and its end. */
  leave(): void;
  /** Aborted by endStreams(). */
  readonly signal: AbortSignal;
  /** Resolves when no unary call is in progress. */
  unaryEnded(): Promise<void>;
  /** Ends the streams with UNAVAILABLE / SHUTTING_DOWN, so that clients reconnect to another server. */
  endStreams(): void;
};

export function createInFlight(domain: string): InFlight {
  const stopping = new AbortController();
  let unary = 0;
  let idle: (() => void) | undefined;
  const enter = () => {
    unary++;
  };
  const leave = () => {
    unary--;
    if (unary === 0) {
      idle?.();
    }
  };
  return {
    enter,
    leave,
    signal: stopping.signal,
    interceptor: (next) => async (request) => {
      if (request.stream) {
        const response = await next(request);
        return response.stream ? { ...response, message: until(stopping.signal, response.message, domain) } : response;
      }
      enter();
      try {
        return await next(request);
      } finally {
        leave();
      }
    },
    unaryEnded() {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (unary === 0) {
        resolve();
      } else {
        idle = resolve;
      }
      return promise;
    },
    endStreams() {
      stopping.abort(shutdownError(domain));
    },
  };
}

function shutdownError(domain: string) {
  const message = "the server is shutting down; try again";
  return toConnectError(new DomainError(shutdownReasons, "SHUTTING_DOWN", message), domain);
}

/** Passes the stream on until the signal aborts; then fails at once, even if the next message never comes. */
function until<T>(signal: AbortSignal, stream: AsyncIterable<T>, domain: string): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = stream[Symbol.asyncIterator]();
      return {
        next() {
          const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T>>();
          const stop = () => reject(shutdownError(domain));
          if (signal.aborted) {
            stop();
            return promise;
          }
          signal.addEventListener("abort", stop, { once: true });
          // The abort reaches the handler too. Its error waits for a turn, so that it does not win the race.
          iterator
            .next()
            .then(resolve, (error) => setImmediate(reject, error))
            .finally(() => signal.removeEventListener("abort", stop));
          return promise;
        },
        return: (value) => iterator.return?.(value) ?? Promise.resolve({ done: true, value }),
        throw: (reason) => iterator.throw?.(reason) ?? Promise.reject(reason),
      };
    },
  };
}
