import type { Results } from "../run.ts";
import { batchSizesTable } from "./batch-sizes.ts";
import { cpuTable, digits, rowsOf, times, waysTable } from "./table.ts";
import type { Target } from "./targets.ts";

/** Formats the whole report. */
export function describeResults(results: Results, targets: readonly Target[]): string {
  const { machine, versions, options, windows, audit, logs } = results;
  const rows = rowsOf(windows.filter(({ batchSize }) => batchSize === undefined));
  const held = windows.filter(({ batchSize }) => batchSize !== undefined);
  const hot = rows.filter(({ mix }) => mix !== "spread");
  return [
    `Sagacart bench, ${results.date}`,
    `  machine   ${machine.cores} × ${machine.model}, ${machine.memoryGiB} GiB, ${machine.system}; a flush takes ${machine.flushMicros} µs`,
    `  versions  Node ${versions.node}, Postgres ${versions.postgres} with fsync, Temporal ${versions.temporal}`,
    `  mix       one in ten declined or sold out; ${options.carrier ? "shipped by the fake carrier" : "pickup"}; seed ${options.seed}`,
    `  rounds    ${options.rounds}; medians`,
    "",
    ...(held.length === 0 ? [] : [batchSizesTable(held), ""]),
    ...(rows.length === 0 ? [] : [waysTable(rows), ""]),
    ...hot.map(
      (row) =>
        `${row.mix === "hot" ? "one hot product" : "10,000 products"} (one line per order, batch saga, ${row.callers} callers): ` +
        `${digits(row.perSecond)}/s, p50 ${digits(row.p50Ms)} ms, p99 ${digits(row.p99Ms)} ms`,
    ),
    "",
    ...(rows.length === 0
      ? []
      : ["CPU of each process: ms per second while idle, and ms per checkout", cpuTable(rows, results.idleCpu), ""]),
    ...audit.lines,
    "",
    ...(logs.length === 0 ? ["No errors or warnings in the logs."] : ["Errors and warnings in the logs:"]),
    ...logs.slice(0, 20).map(({ process, message, count }) => `  ${process}: ${message} (${times(count)})`),
    "",
    "Targets",
    ...targets.map(({ what, measured, met }) => `  ${verdict(met)}  ${what}: ${measured}`),
  ].join("\n");
}

function verdict(met: boolean | undefined): string {
  return met === undefined ? "not measured" : met ? "met         " : "MISSED      ";
}
