/** The usual saga's task queue, separate from the platform's. */
export const usualTaskQueue = "bench-usual";
