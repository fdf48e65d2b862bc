import { median } from "../stats.ts";
import type { Window } from "../window.ts";

/** Formats the line of one window, printed when it ends. */
export function describeWindow(window: Window): string {
  const outcomes = Object.entries(window.outcomes).map(([outcome, count]) => `${outcome} ${count}`);
  const wrong = Object.entries(window.wrong).map(([what, count]) => `${what} (${count} ×)`);
  return [
    `round ${window.round}  ${label(window)}  ${`${window.callers}`.padStart(5)} callers `,
    `${digits(window.perSecond)}/s  p50 ${digits(window.p50Ms)} ms  p99 ${digits(window.p99Ms)} ms  `,
    `in ${window.seconds.toFixed(1)} s; busy ${percent(window.machineBusy)}, elsewhere ${percent(window.busyElsewhere)}; `,
    outcomes.join(", "),
    ...(window.seconds * 1_000 < window.p99Ms ? ["; the window was shorter than the p99"] : []),
    ...(wrong.length === 0 ? [] : [`\n  WRONG: ${wrong.join("; ")}`]),
  ].join("");
}

function label({ way, mix, batchSize }: Window): string {
  const kind = batchSize === undefined ? (mix === "spread" ? "" : mix) : `of ${batchSize}`;
  return (kind === "" ? way : `${way}, ${kind}`).padEnd(13);
}

/** The medians of one cell over all rounds. */
export type Row = {
  readonly way: Window["way"];
  readonly mix: Window["mix"];
  readonly callers: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMs: number;
  readonly events: number;
  readonly windows: readonly Window[];
};

export function rowsOf(windows: readonly Window[]): Row[] {
  const cells = Map.groupBy(windows, ({ way, mix, callers }) => `${mix} ${callers} ${way}`);
  return [...cells.values()].flatMap((some) => {
    const [first] = some;
    if (first === undefined) {
      return [];
    }
    const { way, mix, callers } = first;
    return {
      way,
      mix,
      callers,
      perSecond: median(some.map(({ perSecond }) => perSecond)),
      p50Ms: median(some.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(some.map(({ p99Ms }) => p99Ms)),
      cpuMs: median(some.map(({ cpuPerCheckoutAll }) => cpuPerCheckoutAll)),
      events: median(some.map(({ eventsPerCheckout }) => eventsPerCheckout)),
      windows: some,
    };
  });
}

/** Returns the ratio of two cells' throughput: the median of the ratios of each round. NaN if either is missing. */
export function ratio(one: Row | undefined, other: Row | undefined): number {
  const ratios = (one?.windows ?? []).map((window) => {
    const against = other?.windows.find(({ round }) => round === window.round);
    return window.perSecond / (against?.perSecond ?? Number.NaN);
  });
  return median(ratios);
}

/** Formats the table of the ways. */
export function waysTable(rows: readonly Row[]): string {
  const spread = rows.filter(({ mix }) => mix === "spread");
  const lines = spread.map((row) => {
    const of = (way: Row["way"]) => spread.find((other) => other.way === way && other.callers === row.callers);
    return [
      `${row.callers}`,
      row.way,
      digits(row.perSecond),
      digits(row.p50Ms),
      digits(row.p99Ms),
      digits(row.cpuMs),
      row.way === "plain" ? "–" : digits(row.events),
      row.way === "usual" ? "–" : times(ratio(row, of("usual"))),
      row.way === "plain" ? "–" : times(ratio(row, of("plain"))),
    ];
  });
  const head = [
    "callers",
    "way",
    "checkouts/s",
    "p50 ms",
    "p99 ms",
    "CPU ms each",
    "events each",
    "÷ usual",
    "÷ plain",
  ];
  return aligned([head, ...lines]);
}

/** Formats CPU by process: ms per second while idle, and ms per checkout for each way and number of callers. */
export function cpuTable(rows: readonly Row[], idle: Readonly<Record<string, number>>): string {
  const spread = rows.filter(({ mix }) => mix === "spread");
  const names = new Set([...Object.keys(idle), ...spread.flatMap(({ windows }) => windows.flatMap(processesOf))]);
  const cells = spread.map(
    ({ windows }) =>
      (name: string) =>
        median(windows.map((w) => w.cpuPerCheckout[name] ?? 0)),
  );
  const show = (ms: number) => (ms < 0.0005 ? "·" : digits(ms));
  const lines = [...names]
    .toSorted()
    .map((name) => [name, show(idle[name] ?? 0), ...cells.map((cell) => show(cell(name)))]);
  return aligned([["process", "idle", ...spread.map(({ way, callers }) => `${way} ${callers}`)], ...lines]);
}

function processesOf({ cpuPerCheckout }: Window): string[] {
  return Object.keys(cpuPerCheckout);
}

/** Formats a number with three significant digits. */
export function digits(number: number): string {
  if (Number.isNaN(number)) {
    return "–";
  }
  return number >= 100
    ? number.toFixed(0)
    : number >= 10
      ? number.toFixed(1)
      : number >= 1
        ? number.toFixed(2)
        : number.toFixed(3);
}

export function times(number: number): string {
  return Number.isNaN(number) ? "–" : `${digits(number)} ×`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Aligns columns: the first to the left, the others to the right. */
export function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) => line.map((cell, column) => pad(cell, widths[column] ?? 0, column === 0)).join("  "))
    .join("\n");
}

function pad(text: string, width: number, left: boolean): string {
  return left ? text.padEnd(width) : text.padStart(width);
}
