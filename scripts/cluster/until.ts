import { setTimeout } from "node:timers/promises";

/** Tries once a second until it succeeds, for at most so long; then rejects with the last failure. */
export async function until<T>(withinMs: number, attempt: () => Promise<T>): Promise<T> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= endMs) {
        throw error;
      }
      await setTimeout(1_000);
    }
  }
}

/** The innermost reason: `fetch failed` alone says nothing. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${reasonOf(error.cause)}` : error.message;
}
