import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { databaseNames } from "../scripts/shop.ts";
import { describeMachine, type Machine } from "./measure/machine.ts";
import type { Options } from "./options.ts";
import { type LogFinding, readLogs } from "./report/logs.ts";
import { describeWindow } from "./report/table.ts";
import { type Shop, startShop } from "./shop.ts";
import { type Cell, measureIdle, measureWindow, type Window } from "./window.ts";

/** All measurements, as written to the results file. */
export type Results = {
  readonly date: string;
  readonly options: Options;
  readonly machine: Machine;
  readonly versions: { readonly node: string; readonly postgres: string; readonly temporal: string };
  /** The CPU use of each process while idle, in ms per second. */
  readonly idleCpu: Readonly<Record<string, number>>;
  readonly windows: readonly Window[];
  readonly audit: { readonly clean: boolean; readonly lines: readonly string[] };
  /** The errors and warnings that the services logged under load. */
  readonly logs: readonly LogFinding[];
};

/** Starts a shop, measures every cell in turn, runs the audit and stops the shop. */
export async function runBench(options: Options, say: (line: string) => void, signal: AbortSignal): Promise<Results> {
  const date = new Date().toISOString();
  say("Starting a shop for the bench");
  await using shop = await startShop(options, say, signal);
  const machine = await describeMachine(dirname(shop.dataDirectory));
  const versions = { node: process.version, ...(await shop.versions()) };
  const idleCpu = await measureIdle(shop);
  const windows: Window[] = [];
  for (const cell of cellsOf(options)) {
    const window = await measureWindow(shop, options, cell);
    windows.push(window);
    say(describeWindow(window));
    const left = await shop.openCommands();
    if (left > 0) {
      say(`  ${left} commands are left after this window`);
    }
  }
  return {
    date,
    options,
    machine,
    versions,
    idleCpu,
    windows,
    audit: await audit(shop),
    logs: await readLogs(shop.logDirectory),
  };
}

/** Alternates the ways (A B C A B C …), so that other load on the machine affects all of them alike. */
function cellsOf({ rounds, callers, ways, hot, batchSizes }: Options): Cell[] {
  const cells: Cell[] = [];
  for (let round = 1; round <= rounds; round++) {
    if (batchSizes.length > 0) {
      cells.push(...batchSizes.map((batchSize) => heldCell(batchSize, round)));
      continue;
    }
    for (const count of callers) {
      cells.push(...ways.map((way) => ({ way, mix: "spread" as const, callers: count, round })));
    }
    if (hot) {
      cells.push(...(["single", "hot"] as const).map((mix) => ({ way: "batch" as const, mix, callers: 256, round })));
    }
  }
  return cells;
}

/**
 * Holds the size of batches: the worker takes no more orders into one, and with callers for three batches there are always
 * orders enough for the next one, while those of the last one are being answered.
 */
function heldCell(batchSize: number, round: number): Cell {
  return { way: "batch", mix: "spread", callers: 3 * batchSize, round, batchSize };
}

/** Audits all databases with the program of `npm run audit`. */
async function audit({ stack }: Shop): Promise<Results["audit"]> {
  const urls = databaseNames.map((name) => [`AUDIT_${name.toUpperCase()}_URL`, stack.auditUrl(name)]);
  const child = spawn(process.execPath, [fileURLToPath(new URL("../scripts/audit.ts", import.meta.url))], {
    env: { ...process.env, ...Object.fromEntries(urls) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { clean: code === 0, lines: output.trimEnd().split("\n") };
}
