/** An error for people, with what would help: shown without a stack. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

export type Progress = {
  /** A line, with the seconds since the start. */
  say(line: string): void;
  /**
   * Asks again and again until `check` has nothing left to wait for, which it tells by returning undefined; until then
   * it returns what is missing. That is told when it changes. Throws an InstallError at the limit, with `help`.
   */
  wait(options: {
    what: string;
    limitSeconds: number;
    check: () => Promise<string | undefined>;
    help?: string;
  }): Promise<void>;
};

/** Progress on a stream of lines. */
export function createProgress(write: (line: string) => void): Progress {
  const startedAt = Date.now();
  const say = (line: string) => write(`${String(secondsSince(startedAt)).padStart(4)} s  ${line}`);
  return {
    say,
    async wait({ what, limitSeconds, check, help }) {
      const begin = Date.now();
      let told: string | undefined;
      for (;;) {
        const missing = await check();
        if (missing === undefined) {
          if (told !== undefined) say(`${what}: there after ${secondsSince(begin)} s`);
          return;
        }
        if (secondsSince(begin) >= limitSeconds) {
          throw new InstallError(
            [`Waited ${limitSeconds} s for ${what}: ${missing}`, ...(help === undefined ? [] : [help])].join("\n"),
          );
        }
        if (missing !== told) {
          say(`${told === undefined ? `waiting for ${what}, at most ${limitSeconds} s` : what}: ${missing}`);
          told = missing;
        }
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    },
  };
}

function secondsSince(time: number): number {
  return Math.round((Date.now() - time) / 1_000);
}
