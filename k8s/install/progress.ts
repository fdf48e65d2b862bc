/** An error whose message says what failed and what helps; printed without a stack trace. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

export type Progress = {
  /** Prints a line with the seconds since the start. */
  say(line: string): void;
  /**
   * Polls `check` until it returns undefined. Until then it returns what is missing, which is printed when it changes.
   * Throws an InstallError with `help` at the limit.
   */
  wait(options: {
    what: string;
    limitSeconds: number;
    check: () => Promise<string | undefined>;
    help?: string;
  }): Promise<void>;
};

/** Creates a Progress that writes lines. */
export function createProgress(write: (line: string) => void): Progress {
  const startedAt = Date.now();
  const say = (line: string) => write(`${String(secondsSince(startedAt)).padStart(4)} s  ${line}`);
  return {
    say,
    async wait({ what, limitSeconds, check, help }) {
      const begin = Date.now();
      let lastMissing: string | undefined;
      for (;;) {
        const missing = await check();
        if (missing === undefined) {
          if (lastMissing !== undefined) say(`${what}: ready after ${secondsSince(begin)} s`);
          return;
        }
        if (secondsSince(begin) >= limitSeconds) {
          throw new InstallError(
            [`Waited ${limitSeconds} s for ${what}: ${missing}`, ...(help === undefined ? [] : [help])].join("\n"),
          );
        }
        if (missing !== lastMissing) {
          say(`${lastMissing === undefined ? `waiting for ${what}, at most ${limitSeconds} s` : what}: ${missing}`);
          lastMissing = missing;
        }
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    },
  };
}

function secondsSince(time: number): number {
  return Math.round((Date.now() - time) / 1_000);
}
