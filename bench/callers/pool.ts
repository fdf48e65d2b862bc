import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Mix } from "../mix.ts";
import type { Way } from "../options.ts";
import { sum } from "../stats.ts";
import type { Answers, FromCallers, Progress, ToCallers } from "./messages.ts";

/** Processes with the callers, so that load and measurement do not share an event loop. */
export type CallerPool = AsyncDisposable & {
  readonly pids: Readonly<Record<string, number>>;
  start(run: { way: Way; mix: Mix; carrier: boolean; callers: number; seed: number }): void;
  progress(): Promise<Progress>;
  /** Ends the run when all open requests are answered. Returns the answers that arrived in the window. */
  stop(window: { fromMs: number; toMs: number }): Promise<Answers>;
};

const processCount = 2;

/** Starts the processes and resolves when they are ready. */
export async function startCallers(env: NodeJS.ProcessEnv): Promise<CallerPool> {
  const children = Array.from({ length: processCount }, () =>
    fork(fileURLToPath(new URL("main.ts", import.meta.url)), { env, execArgv: [], stdio: ["ignore", 1, 2, "ipc"] }),
  );
  let active: ChildProcess[] = [];
  await Promise.all(children.map((child) => next(child, "ready")));
  return {
    pids: Object.fromEntries(children.map(({ pid = 0 }, index) => [`callers-${index + 1}`, pid])),
    start({ callers, seed, ...run }) {
      // The callers of a seed send the same orders in every way, regardless of their process.
      const seeds = Array.from({ length: callers }, (_, index) => seed * 1_000_003 + index);
      active = children.slice(0, Math.min(processCount, callers));
      for (const [index, child] of active.entries()) {
        tell(child, { kind: "run", ...run, seeds: seeds.filter((_, caller) => caller % active.length === index) });
      }
    },
    async progress() {
      const all = await Promise.all(active.map((child) => ask(child, { kind: "look" }, "progress")));
      return { served: sum(all.map(({ served }) => served)), latencies: all.flatMap(({ latencies }) => latencies) };
    },
    async stop(window) {
      const all = await Promise.all(active.map((child) => ask(child, { kind: "stop", ...window }, "result")));
      active = [];
      return {
        latencies: all.flatMap(({ latencies }) => latencies),
        outcomes: added(all.map(({ outcomes }) => outcomes)),
        wrong: added(all.map(({ wrong }) => wrong)),
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) {
            return;
          }
          const ended = new Promise((resolve) => child.once("exit", resolve));
          child.disconnect();
          await ended;
        }),
      );
    },
  };
}

function tell(child: ChildProcess, message: ToCallers): void {
  child.send(message);
}

function ask<K extends FromCallers["kind"]>(child: ChildProcess, message: ToCallers, kind: K) {
  const answer = next(child, kind);
  tell(child, message);
  return answer;
}

/** Waits for the next message of this kind; rejects if the process ends first. */
function next<K extends FromCallers["kind"]>(child: ChildProcess, kind: K): Promise<FromCallers & { kind: K }> {
  const { promise, resolve, reject } = Promise.withResolvers<FromCallers & { kind: K }>();
  const onMessage = (message: FromCallers) => {
    if (isOf(message, kind)) {
      stopListening();
      resolve(message);
    }
  };
  const onExit = (code: number | null) => {
    stopListening();
    reject(new Error(`a process of callers exited with code ${code}`));
  };
  const stopListening = () => {
    child.off("message", onMessage);
    child.off("exit", onExit);
  };
  child.on("message", onMessage);
  child.on("exit", onExit);
  return promise;
}

function isOf<K extends FromCallers["kind"]>(message: FromCallers, kind: K): message is FromCallers & { kind: K } {
  return message.kind === kind;
}

function added(all: readonly Record<string, number>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const counts of all) {
    for (const [key, count] of Object.entries(counts)) {
      total[key] = (total[key] ?? 0) + count;
    }
  }
  return total;
}
