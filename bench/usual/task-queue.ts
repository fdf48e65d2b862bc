/** The usual saga's task queue: its worker is not the platform's. */
export const usualTaskQueue = "bench-usual";
