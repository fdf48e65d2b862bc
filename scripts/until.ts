import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks until there is an answer; an error counts as none. Rejects after `withinMs`, naming what was waited for and the
 * last error.
 */
export async function until<T>(
  what: string | (() => string),
  ask: () => Promise<T | undefined | false>,
  { withinMs = 120_000, everyMs = 200 }: { withinMs?: number; everyMs?: number } = {},
): Promise<T> {
  const endAt = Date.now() + withinMs;
  for (;;) {
    let last: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > endAt) {
      const why = last === undefined ? "" : `: ${reasonOf(last)}`;
      const name = typeof what === "string" ? what : what();
      throw new Error(`waited ${withinMs / 1000} s in vain for ${name}${why}`, { cause: last });
    }
    await sleep(everyMs);
  }
}

/** Adds the innermost cause to a message: `fetch failed` alone says nothing. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${reasonOf(error.cause)}` : error.message;
}
