import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { RunSchema } from "@sagacart/proto/launcher/v1/launcher";
import { cloneFolder } from "../clone.ts";
import type { Guard } from "../stack/guard.ts";
import { endOf } from "../stack/process-end.ts";

/** A program that runs, or has run, beside the shop. */
export type Run = AsyncDisposable & {
  readonly isRunning: () => boolean;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Asks it to end, once: a program may take a second signal as one to end at once. */
  stop(): void;
  message(): MessageInitShape<typeof RunSchema>;
};

export type RunOptions = {
  /** The program, relative to the root of the clone. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Additional variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly guard: Guard;
};

const keptLines = 20;
const longestLine = 500;
const stopTimeoutMs = 5_000;

/** Starts a program of this clone, and keeps the end of its output. */
export function startRun({ script, args = [], env, guard }: RunOptions): Run {
  const startTime = new Date();
  const lines: string[] = [];
  let end: { readonly time: Date; readonly how: string } | undefined;
  let isStopping = false;
  const child = spawn(process.execPath, [resolve(cloneFolder, script), ...args], {
    cwd: cloneFolder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // Not in the terminal's process group: on Ctrl-C the launcher ends it.
    detached: true,
  });
  const unwatch = child.pid === undefined ? undefined : guard.watch(child.pid, "TERM");
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on("line", (line) => {
      lines.push(line.slice(0, longestLine));
      lines.splice(0, lines.length - keptLines);
    });
  }
  const ended = endOf(child).then((how) => {
    unwatch?.();
    end = { time: new Date(), how };
  });
  return {
    isRunning: () => end === undefined,
    ended,
    stop() {
      if (!isStopping) {
        isStopping = true;
        child.kill("SIGTERM");
      }
    },
    message: () => ({
      startTime: timestampFromDate(startTime),
      ...(end === undefined ? {} : { endTime: timestampFromDate(end.time), end: end.how }),
      lines: [...lines],
    }),
    async [Symbol.asyncDispose]() {
      if (end !== undefined) return;
      child.kill("SIGTERM");
      const inTime = new AbortController();
      const late = sleep(stopTimeoutMs, undefined, { signal: inTime.signal }).then(
        () => child.kill("SIGKILL"),
        () => undefined,
      );
      await ended;
      inTime.abort();
      await late;
    },
  };
}
