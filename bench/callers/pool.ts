import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Mix } from "../mix.ts";
import type { Way } from "../options.ts";
import { sum } from "../stats.ts";
import type { Answers, FromCallers, Progress, ToCallers } from "./messages.ts";

/** Processes of callers, so that the load does not share an event loop with the measuring. */
export type CallerPool = AsyncDisposable & {
  readonly pids: Readonly<Record<string, number>>;
  start(run: { way: Way; mix: Mix; carrier: boolean; callers: number; seed: number }): void;
  progress(): Promise<Progress>;
  /** Ends the run when what is under way is answered; what was answered from one moment to the other. */
  stop(window: { fromMs: number; toMs: number }): Promise<Answers>;
};

const processCount = 2;

/** Starts the processes and answers when they can call. */
export async function startCallers(env: NodeJS.ProcessEnv): Promise<CallerPool> {
  const children = Array.from({ length: processCount }, () =>
    fork(fileURLToPath(new URL("main.ts", import.meta.url)), { env, execArgv: [], stdio: ["ignore", 1, 2, "ipc"] }),
  );
  let active: ChildProcess[] = [];
  await Promise.all(children.map((child) => next(child, "ready")));
  return {
    pids: Object.fromEntries(children.map(({ pid = 0 }, index) => [`callers-${index + 1}`, pid])),
    start({ callers, seed, ...run }) {
      // The callers of a seed ask the same in every way, whichever process they are in.
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

/** The next message of this kind; rejects when the process ends before. */
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
    reject(new Error(`a process of callers ended with exit code ${code}`));
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
