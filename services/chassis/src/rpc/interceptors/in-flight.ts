import { Code, type Interceptor } from "@connectrpc/connect";
import { DomainError, defineReasons, errorInfo, toConnectError } from "../../errors.ts";

export const shutdownReasons = defineReasons({ SHUTTING_DOWN: Code.Unavailable });

/** Returns true for the error with which a server that shuts down in good order ends its streams. */
export function isShutdown(error: unknown): boolean {
  return errorInfo(error).reason === ("SHUTTING_DOWN" satisfies keyof typeof shutdownReasons);
}

/** Knows the calls under way, so that a server can end them well. */
export type InFlight = {
  /** Counts the calls that pass through it, and ends their streams. */
  readonly interceptor: Interceptor;
  /** A unary call begins, which does not pass through the interceptor … */
  enter(): void;
  /** … and ends. */
  leave(): void;
  /** Aborted by endStreams(). */
  readonly signal: AbortSignal;
  /** Resolves when no unary call is under way. */
  unaryEnded(): Promise<void>;
  /** Ends the streams with UNAVAILABLE / SHUTTING_DOWN: whoever watches goes on watching elsewhere. */
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

/** The stream, until the signal: then it fails at once, even when the next message never comes. */
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
          // The abort reaches the handler too, and what it throws then must not win the race: hence the turn.
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
