import { fork } from "node:child_process";
import { mkdir, mkdtemp, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { workflowCode } from "@sagacart/workflows/worker/workflow-code";
import { Client, Connection } from "@temporalio/client";
import { bundleWorkflowCode } from "@temporalio/worker";
import pg from "pg";
import { actualDataDirectory } from "../scripts/stack/postgres.ts";
import { services } from "../scripts/stack/services.ts";
import { type Stack, startStack } from "../scripts/stack/stack.ts";
import { operatorTokens } from "../scripts/stack/tokens.ts";
import { type CallerPool, startCallers } from "./callers/pool.ts";
import { openStatementLog, type StatementLog, statementSettings } from "./measure/statements.ts";
import type { Options } from "./options.ts";
import { seedShop } from "./seed.ts";
import { type Surroundings, surroundingsEnv, tokensEnv } from "./surroundings.ts";

/** A filled shop for the bench, with the callers and the usual saga's worker. */
export type Shop = AsyncDisposable & {
  readonly stack: Stack;
  readonly temporal: Client;
  readonly callers: CallerPool;
  readonly logDirectory: string;
  /** The folder of the databases. */
  readonly dataDirectory: string;
  /** Only while profiling, because counting has a cost. */
  readonly statements: StatementLog | undefined;
  /** Aborts the bench. */
  readonly signal: AbortSignal;
  /** The process ids of everything that runs, by name. */
  pids(): Record<string, number>;
  /** The address of each running process's metrics. */
  metricsAddresses(): Record<string, string>;
  /**
   * Starts or stops the platform's worker. While it runs, it claims every recorded order, and takes at most so many into a
   * batch; by default as many as it always does.
   */
  setWorker(runs: boolean, mostOrders?: number): Promise<void>;
  /** Counts the checkouts that the platform's worker has not confirmed yet. */
  openCommands(): Promise<number>;
  versions(): Promise<{ postgres: string; temporal: string }>;
};

/** The folder for all output of the bench; ignored by git. */
export const resultsDirectory = fileURLToPath(new URL("results/", import.meta.url));
export const profilesDirectory = join(resultsDirectory, "profiles");

/** Starts the shop. If that fails, nothing is left running. */
export async function startShop(options: Options, say: (line: string) => void, signal: AbortSignal): Promise<Shop> {
  await mkdir(resultsDirectory, { recursive: true });
  await using tidy = new AsyncDisposableStack();
  // Not below /tmp, which is in memory on many machines, where a flush costs nothing.
  const stateDirectory = await mkdtemp(join(resultsDirectory, "state-"));
  const profiled: Record<string, string> = options.profile
    ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profilesDirectory}` }
    : {};
  const bundlePath = join(stateDirectory, "workflow-bundle.js");
  await writeFile(bundlePath, (await bundleWorkflowCode({ ...workflowCode, logger: silent })).code);

  const used = services.filter(({ name }) => !isUnneeded(name, options));
  const stack = tidy.use(
    await startStack({
      stateDirectory,
      ports: "free",
      log: (line) => say(`  ${line}`),
      temporary: true,
      settings: options.profile ? statementSettings : {},
      signal,
      services: used,
      env: Object.fromEntries(
        used.map(({ name }) => [
          name,
          { ...profiled, ...(name === "worker" ? { WORKFLOW_BUNDLE_PATH: bundlePath } : {}) },
        ]),
      ),
      onUnexpectedExit: ({ name, how, lastLines }) => {
        say(`${name} ended with ${how}:\n${lastLines.join("\n")}`);
        process.exitCode = 1;
      },
    }),
  );
  const dataDirectory = await actualDataDirectory(join(stateDirectory, "postgres"));
  const statements = options.profile
    ? tidy.use(await openStatementLog({ port: stack.ports.postgres, dataDirectory }))
    : undefined;
  const surroundings = surroundingsOf(stack);
  const env = { ...process.env, ...profiled, ...surroundingsEnv(surroundings), ...tokensEnv(stack.tokenEnv) };
  const { STOCK_ADDRESS, PAYMENT_ADDRESS } = surroundings.addresses;
  await seedShop({ stock: STOCK_ADDRESS, payment: PAYMENT_ADDRESS }, operatorTokens(stack.addresses));
  const logDirectory = join(stateDirectory, "logs");
  const usualWorker = tidy.use(await startUsualWorker(env, join(logDirectory, "usual-worker.log")));
  const callers = tidy.use(await startCallers(env));
  const connection = await Connection.connect({ address: stack.temporal.address });
  tidy.defer(() => connection.close());
  const temporal = new Client({ connection, namespace: stack.temporal.namespace });

  let worker: { runs: boolean; mostOrders: number | undefined } = { runs: true, mostOrders: undefined };
  const rest = tidy.move();
  return {
    stack,
    temporal,
    callers,
    logDirectory,
    dataDirectory,
    statements,
    signal,
    pids: () => ({ ...stack.pids(), "usual-worker": usualWorker.pid, ...callers.pids, bench: process.pid }),
    metricsAddresses() {
      const named = used.filter(({ name, adminPort }) => adminPort !== undefined && name in stack.pids());
      return Object.fromEntries(named.map(({ name, adminPort }) => [name, `127.0.0.1:${adminPort?.(stack.ports)}`]));
    },
    async setWorker(runs, mostOrders) {
      const isOther = runs && mostOrders !== worker.mostOrders;
      if (worker.runs && (!runs || isOther)) {
        await stack.kill("worker", "SIGTERM");
        worker = { ...worker, runs: false };
      }
      if (runs && !worker.runs) {
        await stack.start("worker", mostOrders === undefined ? {} : { MAX_BATCH_ORDERS: `${mostOrders}` });
        worker = { runs, mostOrders };
      }
    },
    async openCommands() {
      const [row] = await ask<{ count: string }>(stack.auditUrl("order"), "select count(*) from commands");
      return Number(row?.count);
    },
    async versions() {
      const [row] = await ask<{ server_version: string }>(stack.auditUrl("order"), "show server_version");
      const { serverVersion } = await temporal.workflowService.getSystemInfo({});
      const server = process.env.TEMPORAL_ADDRESS ? `server at ${stack.temporal.address}` : "dev server on a file";
      return { postgres: row?.server_version ?? "unknown", temporal: `${server}, ${serverVersion}` };
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

const silent = { log: noop, trace: noop, debug: noop, info: noop, warn: noop, error: console.error };
function noop(): void {}

/** Returns true for processes that no order of the mix needs. */
function isUnneeded(name: string, { carrier, notifier }: Options): boolean {
  switch (name) {
    case "gateway":
    case "surfaces":
    case "card-provider":
      return true;
    case "carrier":
      return !carrier;
    case "notifier":
      return !notifier;
    default:
      return false;
  }
}

function surroundingsOf({ addresses, temporal }: Stack): Surroundings {
  const of = (name: string) => addresses[name] ?? "";
  return {
    addresses: {
      ORDER_ADDRESS: of("order"),
      STOCK_ADDRESS: of("stock"),
      PAYMENT_ADDRESS: of("payment"),
      SHIPPING_ADDRESS: of("shipping"),
    },
    temporal,
  };
}

async function startUsualWorker(env: NodeJS.ProcessEnv, logFile: string): Promise<AsyncDisposable & { pid: number }> {
  const log = await open(logFile, "a");
  const child = fork(fileURLToPath(new URL("usual/worker.ts", import.meta.url)), {
    env,
    execArgv: [],
    stdio: ["ignore", log.fd, log.fd, "ipc"],
  });
  await log.close();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`the usual saga's worker exited with code ${code}`)));
  });
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function ask<Row extends pg.QueryResultRow>(connectionString: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
