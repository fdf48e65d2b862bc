/** Resolves when one of the promises has resolved, after `withinMs`, or when the signal aborts. */
export async function firstOf(
  works: readonly Promise<unknown>[],
  signal: AbortSignal,
  withinMs = Number.POSITIVE_INFINITY,
): Promise<void> {
  if (signal.aborted) {
    return;
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = Number.isFinite(withinMs) ? setTimeout(resolve, withinMs) : undefined;
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort);
  await Promise.race([promise, ...works]);
  signal.removeEventListener("abort", onAbort);
  clearTimeout(timer);
}
