import { setTimeout as sleep } from "node:timers/promises";

/** Asks until there is an answer; what throws is asked again. Rejects, naming what was waited for, when it is too late. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  { withinMs = 120_000, everyMs = 500 }: { withinMs?: number; everyMs?: number } = {},
): Promise<T> {
  const endAt = Date.now() + withinMs;
  for (let last: unknown; ; ) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > endAt) {
      const why = last instanceof Error ? `: ${last.message}` : "";
      throw new Error(`waited ${withinMs / 1000} s in vain for ${what}${why}`, { cause: last });
    }
    await sleep(everyMs);
  }
}
