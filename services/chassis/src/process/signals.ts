/**
 * Resolves at the first SIGTERM or SIGINT, for a process to stop in good order. A second signal ends it at once, with
 * exit code 1.
 */
export function firstSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let signals = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      signals++;
      if (signals > 1) {
        process.exit(1);
      }
      resolve();
    });
  }
  return promise;
}
