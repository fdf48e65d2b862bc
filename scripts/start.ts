import { createGuard } from "./stack/guard.ts";
import { summaryOf } from "./stack/log-line.ts";
import { memoryOf } from "./stack/memory.ts";
import type { UnexpectedExit } from "./stack/processes.ts";
import { createRestartLimit } from "./stack/restart-limit.ts";
import { seed } from "./stack/seed.ts";
import { services } from "./stack/services.ts";
import { type Stack, shopFileOf, startStack } from "./stack/stack.ts";
import { messageOf, StartError } from "./stack/start-error.ts";
import { usualStateDirectory, writeShopFile } from "./stack/state.ts";
import { welcome } from "./stack/welcome.ts";

// npm start: the whole shop on this machine, until Ctrl-C.

/**
 * V8 gives what is young up to 48 MiB in each process, and all of them fill it while they start: with half of it the whole
 * shop takes 180 MiB less. For a laptop; deployed, and in the bench, it is as V8 has it.
 */
const frugal = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --max-semi-space-size=8`.trim() };

const startedAt = Date.now();
const secondsSoFar = () => (Date.now() - startedAt) / 1000;
const guard = createGuard();
const interrupt = listenForSignals();
// A terminal that was closed takes no more lines; the shop is to stop in order all the same.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

try {
  await run();
  process.exit(0);
} catch (error) {
  const wasAsked = interrupt.signal.aborted && error === interrupt.signal.reason;
  const text = error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(wasAsked ? "Stopped before it was ready.\n" : `\n${text}\n`);
  process.exit(wasAsked ? 0 : 1);
}

async function run(): Promise<void> {
  const stateDirectory = usualStateDirectory();
  log(`Starting the shop. State: ${stateDirectory}`);
  let shop: Stack | undefined;
  const revive = createReviver(() => shop);
  await using stack = await startStack({
    stateDirectory,
    ports: "default",
    env: Object.fromEntries(services.map(({ name }) => [name, frugal])),
    guard,
    log,
    signal: interrupt.signal,
    show: {
      lines: "errors",
      line(name, line) {
        // While all start or stop at once, each misses the others for a moment; that is in the logs.
        if (shop !== undefined) process.stderr.write(`${name} | ${summaryOf(line)}\n`);
      },
    },
    onUnexpectedExit: revive,
  });
  shop = stack;
  if ((await seed(stack)) === "seeded") log("Loaded the catalogue and two customers, alice and bob");
  await writeShopFile(shopFileOf(stack));
  const memory = await memoryOf([process.pid]);
  process.stdout.write(welcome({ ...stack, memory, seconds: secondsSoFar() }));
  await new Promise<void>((resolve) => interrupt.signal.addEventListener("abort", () => resolve()));
  shop = undefined;
  await stack.stop();
  log("Stopped");
}

// Told and started again, so that a shop in which a process is killed (the demo does so) goes on.
function createReviver(shop: () => Stack | undefined): (death: UnexpectedExit) => void {
  const mayStartAgain = createRestartLimit();
  return ({ name, how, lastLines, logFile }) => {
    const last = lastLines.map((line) => `    ${summaryOf(line)}\n`).join("");
    process.stderr.write(`\n${name} ended unexpectedly with ${how}. The end of ${logFile}:\n${last}`);
    const stack = shop();
    if (stack === undefined) return;
    if (!mayStartAgain(name)) {
      process.stderr.write(
        `${name} has ended too often and is not started again. Stop the shop and look at its log.\n`,
      );
      return;
    }
    stack
      .start(name)
      .then(() => writeShopFile(shopFileOf(stack)))
      .then(() => log(`${name} is running again`))
      .catch((error: unknown) => process.stderr.write(`${name} could not be started again: ${messageOf(error)}\n`));
  };
}

function listenForSignals(): AbortController {
  const controller = new AbortController();
  let firstAt = 0;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) {
        // One Ctrl-C comes twice: from the terminal, and from npm, which passes on what it got.
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
