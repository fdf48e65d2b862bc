import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Guard } from "./guard.ts";
import { followLog } from "./log-follower.ts";
import { lastLines, summaryOf } from "./log-line.ts";
import { endOf } from "./process-end.ts";
import { messageOf, StartError } from "./start-error.ts";

export type ProcessSpec = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Returns what the process waits for; undefined if it is ready. Called until then. The signal ends a call. */
  waitsFor(signal: AbortSignal): Promise<string | undefined>;
  readonly readyTimeoutMs: number;
  /** The time from SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
};

export type UnexpectedExit = {
  readonly name: string;
  readonly how: string;
  readonly lastLines: readonly string[];
  readonly logFile: string;
};

export type ProcessesOptions = {
  readonly logDirectory: string;
  readonly guard: Guard;
  /** Called for each process that ends unexpectedly. It is not restarted here, so that tests notice crashes. */
  onUnexpectedExit(exit: UnexpectedExit): void;
  /** Receives new lines of the logs: errors, or all. */
  readonly show?: { readonly lines: "errors" | "all"; line(name: string, line: string): void };
};

export type Processes = {
  /** Starts a process and resolves when it is ready. Throws a StartError with its last lines if it ends or times out. */
  start(spec: ProcessSpec): Promise<void>;
  /** Sends the signal and resolves when the process has ended. The end is not reported as unexpected. */
  kill(name: string, signal: "SIGKILL" | "SIGTERM" | "SIGINT"): Promise<void>;
  /** Kills a process as if somebody else did: its end is reported as unexpected. Returns false if it does not run. */
  crash(name: string): boolean;
  /** Sends SIGTERM, then SIGKILL after stopTimeoutMs. Does nothing if the process is not running. */
  stop(name: string): Promise<void>;
  /** Stops all processes, also those that are starting, and refuses new ones. */
  close(): Promise<void>;
  /** Returns true if the process runs or its start has begun: it has no id in between, and starting it again would throw. */
  isRunning(name: string): boolean;
  pid(name: string): number | undefined;
  pids(): Record<string, number>;
};

type Running = {
  readonly spec: ProcessSpec;
  readonly child: ChildProcess;
  readonly ended: Promise<string>;
  /** Its end was requested, or is reported by the caller that waits for it to be ready. */
  expected: boolean;
  stopping: boolean;
};

/**
 * Manages child processes by name. Their output goes directly into `<logDirectory>/<name>.log`, so that the shop never
 * waits for this process, even if it is busy or stopped.
 */
export function createProcesses(options: ProcessesOptions): Processes {
  const running = new Map<string, Running>();
  /** Those that do not run yet, but whose start has begun. Each resolves when the process is in `running`, or never will be. */
  const launching = new Map<string, Promise<void>>();
  let closed = false;

  const end = async (name: string, signal: NodeJS.Signals) => {
    await launching.get(name);
    const process = running.get(name);
    if (process === undefined) return;
    process.expected = true;
    process.stopping = true;
    process.child.kill(signal);
    await process.ended;
  };
  const stop = async (name: string) => {
    await launching.get(name);
    const process = running.get(name);
    if (process === undefined) return;
    const late = new AbortController();
    const force = sleep(process.spec.stopTimeoutMs, undefined, { signal: late.signal }).then(
      () => process.child.kill("SIGKILL"),
      () => undefined,
    );
    await end(name, "SIGTERM");
    late.abort();
    await force;
  };
  return {
    async start(spec) {
      if (closed) throw new StartError(`${spec.name} was not started: the shop is stopping.`);
      if (running.has(spec.name) || launching.has(spec.name)) throw new Error(`${spec.name} is already running`);
      const begun = Promise.withResolvers<void>();
      launching.set(spec.name, begun.promise);
      let process: Running;
      try {
        const forget = (ended: Running) => {
          if (running.get(spec.name) === ended) running.delete(spec.name);
        };
        process = await launch(spec, options, forget);
        running.set(spec.name, process);
        // It may have ended before it was set: a program that is missing, for example.
        void process.ended.then(() => forget(process));
      } finally {
        launching.delete(spec.name);
        begun.resolve();
      }
      await untilReady(process, logFileOf(options, spec.name));
    },
    kill: end,
    crash: (name) => running.get(name)?.child.kill("SIGKILL") ?? false,
    stop,
    async close() {
      closed = true;
      await Promise.all([...launching.keys(), ...running.keys()].map(stop));
    },
    isRunning: (name) => running.has(name) || launching.has(name),
    pid: (name) => running.get(name)?.child.pid,
    pids: () =>
      Object.fromEntries(
        [...running].flatMap(([name, { child }]) => (child.pid === undefined ? [] : [[name, child.pid]])),
      ),
  };
}

async function launch(spec: ProcessSpec, options: ProcessesOptions, onEnd: (ended: Running) => void): Promise<Running> {
  const logFile = logFileOf(options, spec.name);
  await setOldLogAside(logFile);
  const { show } = options;
  const follower =
    show === undefined
      ? undefined
      : await followLog({ file: logFile, only: show.lines, line: (line) => show.line(spec.name, line) });
  const output = await open(logFile, "a", 0o600);
  const child = spawn(spec.command, spec.args, {
    env: spec.env,
    stdio: ["ignore", output.fd, output.fd],
    // Not in the terminal's process group: on Ctrl-C the supervisor stops them in order.
    detached: true,
  });
  const ended = endOf(child);
  await output.close();
  const unwatch = child.pid === undefined ? undefined : options.guard.watch(child.pid, "TERM");
  const process: Running = { spec, child, ended, expected: true, stopping: false };
  // Only the callback can fail here; that is a bug, and the unhandled rejection shows it.
  void ended.then(async (how) => {
    const unexpected = !process.expected;
    unwatch?.();
    onEnd(process);
    await follower?.close();
    if (unexpected) options.onUnexpectedExit({ name: spec.name, how, lastLines: await lastLines(logFile), logFile });
  });
  return process;
}

async function untilReady(process: Running, logFile: string): Promise<void> {
  const { spec } = process;
  const deadline = AbortSignal.timeout(spec.readyTimeoutMs);
  let end: string | undefined;
  let obstacle: string | undefined;
  process.ended.then(
    (how) => {
      end = how;
    },
    () => undefined,
  );
  while (!deadline.aborted) {
    if (end !== undefined) {
      if (process.stopping) throw new StartError(`${spec.name} was stopped while it was starting.`);
      throw new StartError(
        `${spec.name} ended while it was starting (${end}):\n${(await lastLines(logFile)).map(summaryOf).join("\n")}`,
      );
    }
    const answer = await spec.waitsFor(AbortSignal.any([deadline, AbortSignal.timeout(2_000)])).catch(messageOf);
    if (!deadline.aborted) obstacle = answer;
    if (answer === undefined && end === undefined) {
      process.expected = process.stopping;
      return;
    }
    await sleep(20);
  }
  process.child.kill("SIGKILL");
  const seconds = Math.round(spec.readyTimeoutMs / 1000);
  throw new StartError(
    `${spec.name} was not ready after ${seconds} s (${obstacle}). The last lines of ${logFile}:\n${(await lastLines(logFile)).map(summaryOf).join("\n")}`,
  );
}

function logFileOf(options: ProcessesOptions, name: string): string {
  return join(options.logDirectory, `${name}.log`);
}

/** Limits the size of logs: at 20 MB the log is moved to one `.1` file. */
export async function setOldLogAside(file: string): Promise<void> {
  if (existsSync(file) && (await stat(file)).size > 20e6) await rename(file, `${file}.1`);
}
