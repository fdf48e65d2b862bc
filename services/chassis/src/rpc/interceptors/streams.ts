import { Code, ConnectError } from "@connectrpc/connect";

/**
 * Wraps each step of a stream in `around`. The body of an async generator runs in the async context of the caller of
 * next(), so the call's context must be set for each step.
 */
export function aroundEach<T>(
  stream: AsyncIterable<T>,
  around: (step: () => Promise<IteratorResult<T>>) => Promise<IteratorResult<T>>,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = stream[Symbol.asyncIterator]();
      return {
        next: () => around(() => iterator.next()),
        return: (value) => around(() => iterator.return?.(value) ?? Promise.resolve({ done: true, value })),
        throw: (reason) => around(() => iterator.throw?.(reason) ?? Promise.reject(reason)),
      };
    },
  };
}

/** Calls `ended` once: when the stream is done, fails, or is cancelled (the transport throws when it cannot write). */
export function whenStreamEnds<T>(stream: AsyncIterable<T>, ended: (error?: unknown) => void): AsyncIterable<T> {
  let open = true;
  const end = (error?: unknown) => {
    if (open) {
      open = false;
      ended(error);
    }
  };
  return {
    [Symbol.asyncIterator]() {
      const iterator = stream[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const result = await iterator.next();
            if (result.done === true) {
              end();
            }
            return result;
          } catch (error) {
            end(error);
            throw error;
          }
        },
        return(value) {
          end();
          return iterator.return?.(value) ?? Promise.resolve({ done: true, value });
        },
        throw(reason) {
          end(new ConnectError("the caller has gone away", Code.Canceled, undefined, undefined, reason));
          return iterator.throw?.(reason) ?? Promise.reject(reason);
        },
      };
    },
  };
}
