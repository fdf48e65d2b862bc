import { setTimeout as sleep } from "node:timers/promises";

/**
 * Calls `ask` until it returns a value; undefined, false and errors do not count. Rejects after `withinMs`, naming what
 * it waited for and the last error.
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
      throw new Error(`timed out after ${withinMs / 1000} s waiting for ${name}${why}`, { cause: last });
    }
    await sleep(everyMs);
  }
}

/** Returns the message with its innermost cause: `fetch failed` alone says too little. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${reasonOf(error.cause)}` : error.message;
}
