/** Resolves with the promise's end, or after `ms`, whichever comes first. Rejects if the promise rejects before. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves or rejects as the promise does, or rejects with `lateError()` after `ms`. */
export async function within<T>(ms: number, promise: Promise<T>, lateError: () => Error): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  // setTimeout takes no more than 2^31 - 1 ms.
  const timer = setTimeout(() => reject(lateError()), Math.min(ms, 2 ** 31 - 1));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
