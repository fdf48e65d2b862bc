import { asks } from "../mix.ts";
import { callersTokens, surroundings, workerTokens } from "../surroundings.ts";
import { clockMs, type FromCallers, type ToCallers } from "./messages.ts";
import { type Buy, createWays } from "./ways.ts";

// A process with many callers: each sends a request, waits for the answer and repeats. The parent controls it over IPC.

type Answer = { readonly atMs: number; readonly latencyMs: number; readonly outcome: string };
type Run = { stopped: boolean; served: number; answers: Answer[]; wrong: Map<string, number>; ended: Promise<unknown> };

const where = surroundings(process.env);
const tokens = { ofWorker: workerTokens(process.env), ofCallers: callersTokens(process.env) };
const ways = { false: await createWays(where, tokens, false), true: await createWays(where, tokens, true) };
let current: Run | undefined;

process.on("message", (message: ToCallers) => {
  switch (message.kind) {
    case "run":
      current = start(ways[`${message.carrier}`][message.way], message);
      break;
    case "look":
      if (current !== undefined) {
        const { served, answers } = current;
        send({ kind: "progress", served, latencies: answers.map(({ latencyMs }) => latencyMs) });
      }
      break;
    case "stop":
      void stop(message.fromMs, message.toMs);
      break;
    default:
      message satisfies never;
  }
});
// The parent handles Ctrl-C and ends this process when it is done.
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit(0));
send({ kind: "ready" });

function start(buy: Buy, { mix, seeds }: ToCallers & { kind: "run" }): Run {
  const run: Run = { stopped: false, served: 0, answers: [], wrong: new Map(), ended: Promise.resolve() };
  run.ended = Promise.all(
    seeds.map(async (seed) => {
      let first = true;
      for (const ask of asks(mix, seed)) {
        if (run.stopped) {
          return;
        }
        const startMs = clockMs();
        let outcome: string;
        try {
          outcome = await buy(ask);
          if (outcome !== ask.expected) {
            count(run.wrong, `${outcome} instead of ${ask.expected}`);
          }
        } catch (error) {
          outcome = "error";
          count(run.wrong, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
          // Do not flood a service that is down.
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        const atMs = clockMs();
        run.answers.push({ atMs, latencyMs: atMs - startMs, outcome });
        if (first) {
          first = false;
          run.served++;
        }
      }
    }),
  );
  return run;
}

async function stop(fromMs: number, toMs: number): Promise<void> {
  const run = current;
  if (run === undefined) {
    return;
  }
  run.stopped = true;
  await run.ended;
  const inWindow = run.answers.filter(({ atMs, outcome }) => atMs >= fromMs && atMs < toMs && outcome !== "error");
  const outcomes = new Map<string, number>();
  for (const { outcome } of inWindow) {
    count(outcomes, outcome);
  }
  send({
    kind: "result",
    latencies: inWindow.map(({ latencyMs }) => Math.round(latencyMs * 100) / 100),
    outcomes: Object.fromEntries(outcomes),
    wrong: Object.fromEntries(run.wrong),
  });
  current = undefined;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function send(message: FromCallers): void {
  process.send?.(message);
}
