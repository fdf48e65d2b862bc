export type Sleeper = Disposable & {
  /** Ends the sleep under way, or else the next one before it begins. */
  wake(): void;
  /** Forgets the wake-ups so far: the work that begins now sees what they were about. */
  forget(): void;
  /** Sleeps for `ms`, until a wake-up or until the signal is aborted. Returns at once for a wake-up since the last sleep. */
  sleep(ms: number): Promise<void>;
};

/** Sleeps that `wake` ends early. Dispose of it, so that it no longer listens. */
export function createSleeper(options: {
  signal: AbortSignal;
  wake?: { subscribe(listener: () => void): () => void } | undefined;
}): Sleeper {
  const { signal } = options;
  let woken = false;
  let endSleep = () => {};
  const wake = () => {
    woken = true;
    endSleep();
  };
  const unsubscribe = options.wake?.subscribe(wake);
  signal.addEventListener("abort", wake);
  return {
    wake,
    forget() {
      woken = false;
    },
    async sleep(ms) {
      if (!woken && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        endSleep = resolve;
        const timer = setTimeout(resolve, ms);
        await promise;
        clearTimeout(timer);
      }
      woken = false;
    },
    [Symbol.dispose]() {
      unsubscribe?.();
      signal.removeEventListener("abort", wake);
    },
  };
}
