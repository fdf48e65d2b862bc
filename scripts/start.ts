import "./help.ts";
import { parseArgs } from "node:util";
import { createGuard } from "./stack/guard.ts";
import { summaryOf } from "./stack/log-line.ts";
import { memoryOf } from "./stack/memory.ts";
import type { UnexpectedExit } from "./stack/processes.ts";
import { createRestarter } from "./stack/restarter.ts";
import { seed } from "./stack/seed.ts";
import { services } from "./stack/services.ts";
import { type Stack, shopFileOf, startStack } from "./stack/stack.ts";
import { messageOf, StartError } from "./stack/start-error.ts";
import { usualStateDirectory, writeShopFile } from "./stack/state.ts";
import { welcome } from "./stack/welcome.ts";

// Starts the whole shop on this machine and runs it until Ctrl-C:
//
//     npm start
//     npm start -- --observe    keeps the last traces of all processes in memory; an order's page in the console shows its own

/**
 * Halves V8's young generation, which can take 48 MiB in each process and fills up during the start: the whole shop takes
 * 180 MiB less. Deployments and the bench keep V8's default. This process itself has half of that by package.json's command,
 * since an option of V8 must be there when it starts: 20 MiB less.
 */
const smallHeap = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --max-semi-space-size=8`.trim() };

const startedAt = Date.now();
const secondsSoFar = () => (Date.now() - startedAt) / 1000;
const guard = createGuard();
const interrupt = listenForSignals();
// Ignore write errors of a closed terminal, so that the shop still stops in order.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

try {
  await run();
  process.exit(0);
} catch (error) {
  const isInterrupted = interrupt.signal.aborted && error === interrupt.signal.reason;
  const text = error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(isInterrupted ? "Stopped before it was ready.\n" : `\n${text}\n`);
  process.exit(isInterrupted ? 0 : 1);
}

async function run(): Promise<void> {
  const { observe } = readOptions();
  const stateDirectory = usualStateDirectory();
  log(`Starting the shop. State: ${stateDirectory}`);
  let shop: Stack | undefined;
  const restart = restarterOf(() => shop);
  await using stack = await startStack({
    stateDirectory,
    ports: "default",
    // The gateway has a smaller heap already.
    env: Object.fromEntries(services.filter(({ name }) => name !== "gateway").map(({ name }) => [name, smallHeap])),
    observe,
    guard,
    launcher: true,
    log,
    signal: interrupt.signal,
    show: {
      lines: "errors",
      line(name, line) {
        // During start and stop, processes briefly log missing peers; those lines are only in the logs.
        if (shop !== undefined) process.stderr.write(`${name} | ${summaryOf(line)}\n`);
      },
    },
    onUnexpectedExit: restart,
  });
  shop = stack;
  if ((await seed(stack)) === "seeded") log("Seeded the catalogue and two customers, alice and bob");
  await writeShopFile(shopFileOf(stack));
  const memory = await memoryOf([process.pid]);
  process.stdout.write(welcome({ ...stack, memory, seconds: secondsSoFar() }));
  await new Promise<void>((resolve) => interrupt.signal.addEventListener("abort", () => resolve()));
  shop = undefined;
  await stack.stop();
  log("Stopped");
}

function readOptions(): { observe: boolean } {
  try {
    const { values } = parseArgs({ options: { observe: { type: "boolean", default: false } } });
    return values;
  } catch (error) {
    throw new StartError(`${messageOf(error)}\nnpm start takes --observe and --help.`);
  }
}

// Reports and restarts processes, so that the shop goes on when one is killed, for example by the demo.
function restarterOf(shop: () => Stack | undefined): (exit: UnexpectedExit) => void {
  return createRestarter({
    start: async (name) => await shop()?.start(name),
    isRunning: (name) => shop()?.isRunning(name) === true,
    onStarted: async () => {
      const stack = shop();
      if (stack !== undefined) await writeShopFile(shopFileOf(stack));
    },
    say: (text) => process.stderr.write(`${text}\n`),
    signal: interrupt.signal,
  });
}

function listenForSignals(): AbortController {
  const controller = new AbortController();
  let firstAt = 0;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) {
        // One Ctrl-C arrives twice: from the terminal and from npm, which forwards signals.
        if (Date.now() - firstAt < 1_000) return;
        guard.killAll();
        process.stderr.write("Killed.\n");
        process.exit(130);
      }
      firstAt = Date.now();
      log(`Stopping (${name}); press again to kill`);
      controller.abort();
    });
  }
  return controller;
}

function log(line: string): void {
  process.stdout.write(`${secondsSoFar().toFixed(1).padStart(6)} s  ${line}\n`);
}
