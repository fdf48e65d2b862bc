import { setTimeout as sleep } from "node:timers/promises";
import { summaryOf } from "./log-line.ts";
import type { UnexpectedExit } from "./processes.ts";
import { messageOf } from "./start-error.ts";

export type RestarterOptions = {
  /** Starts a process and resolves when it is ready. */
  start(name: string): Promise<void>;
  /** Returns true if the process runs: somebody else may have started it during a pause. */
  isRunning(name: string): boolean;
  /** Called when a process is ready again. */
  onStarted(name: string): Promise<void> | void;
  /** Says something to the person at the terminal. */
  say(text: string): void;
  /** Ends the attempts. */
  signal: AbortSignal;
  pauses?: Pauses;
};

/** In ms. */
export type Pauses = {
  /** The pause before the second attempt in a row; it doubles with each further one. The first one has none. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** How long a process must run to count as recovered. */
  readonly stableMs: number;
};

const usualPauses: Pauses = { firstMs: 1_000, longestMs: 30_000, stableMs: 15_000 };

/** The number of ends in a row after which a process counts as one that keeps ending. */
const patience = 3;

/**
 * Starts processes again that end unexpectedly, for as long as the shop runs: what made them end may pass, for example a
 * full disk or a database that is away. The pauses grow, so that a process that ends at once does not take the machine.
 *
 * Each of the first ends is reported with the end of the log. Then it is said once that the process keeps ending, and once
 * that it has recovered, when it has run for a while; the ends in between are only in its log.
 */
export function createRestarter(options: RestarterOptions): (exit: UnexpectedExit) => void {
  const { start, isRunning, onStarted, say, signal, pauses = usualPauses } = options;
  const troubles = new Map<string, Trouble>();

  /** Counts an end. Returns the process's trouble with it. */
  function count({ name, how, lastLines, logFile }: Pick<UnexpectedExit, "name" | "how"> & Partial<UnexpectedExit>) {
    const trouble = troubles.get(name) ?? { ends: 0, isTold: false, stable: undefined };
    clearTimeout(trouble.stable);
    trouble.ends++;
    troubles.set(name, trouble);
    if (trouble.ends <= patience) {
      const last = (lastLines ?? []).map((line) => `    ${summaryOf(line)}\n`).join("");
      say(
        `\n${name} ended unexpectedly with ${how}.${logFile === undefined ? "" : ` The end of ${logFile}:\n${last}`}`,
      );
    } else if (!trouble.isTold) {
      trouble.isTold = true;
      const seconds = Math.round(pauses.longestMs / 1_000);
      say(
        `${name} keeps ending (${how}). It is started again after growing pauses, at most ${seconds} s; see its log.`,
      );
    }
    return trouble;
  }

  async function startAgain(name: string, trouble: Trouble): Promise<void> {
    while (!signal.aborted) {
      const pauseMs = trouble.ends <= 1 ? 0 : Math.min(pauses.longestMs, pauses.firstMs * 2 ** (trouble.ends - 2));
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (!isRunning(name)) await start(name);
      } catch (error) {
        if (signal.aborted) return;
        count({ name, how: firstLineOf(messageOf(error)) });
        continue;
      }
      if (!trouble.isTold) say(`${name} is running again`);
      trouble.stable = setTimeout(() => {
        if (trouble.isTold) say(`${name} has recovered: it has run for ${Math.round(pauses.stableMs / 1_000)} s`);
        troubles.delete(name);
      }, pauses.stableMs);
      trouble.stable.unref();
      await onStarted(name);
      return;
    }
  }

  return (exit) => {
    const trouble = count(exit);
    if (!signal.aborted) {
      startAgain(exit.name, trouble).catch((error: unknown) => say(`${exit.name}: ${messageOf(error)}`));
    }
  };
}

type Trouble = {
  /** How often it ended, or failed to start, since it last ran for a while. */
  ends: number;
  /** It was said that the process keeps ending. */
  isTold: boolean;
  /** Ends the trouble when the process has run for a while. */
  stable: NodeJS.Timeout | undefined;
};

function firstLineOf(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
