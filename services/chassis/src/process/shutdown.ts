/** Tells the servers of a process that it is about to stop, while they still serve. */
export type Shutdown = {
  /**
   * Aborted at the signal to stop. From then on each answer over HTTP/1.1 says `Connection: close`, and each connection of
   * HTTP/2 gets GOAWAY: callers connect again, and so find another pod.
   */
  readonly announced: AbortSignal;
  /** How long idle connections still have to be kept, in ms: a caller may be writing a request on one. */
  graceLeftMs(): number;
};

export type AnnouncedShutdown = Shutdown & { announce(): void };

/** Creates a shutdown that is not announced yet. `graceMs` counts from the announcement. */
export function createShutdown(graceMs: number): AnnouncedShutdown {
  const announced = new AbortController();
  let announcedAtMs: number | undefined;
  return {
    announced: announced.signal,
    announce() {
      announcedAtMs ??= performance.now();
      announced.abort();
    },
    graceLeftMs: () => (announcedAtMs === undefined ? 0 : Math.max(0, announcedAtMs + graceMs - performance.now())),
  };
}

/**
 * Returns how long idle connections are kept after the signal to stop, in ms: much longer than a request is on its way, and
 * short against the drain.
 */
export function shutdownGraceMs({ DRAIN_TIMEOUT_MS }: { readonly DRAIN_TIMEOUT_MS: number }): number {
  return Math.min(1_000, DRAIN_TIMEOUT_MS / 4);
}
