import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Window } from "../window.ts";
import { digits } from "./table.ts";

/** The distribution of one thread's time inside the windows of one way. */
export type ThreadProfile = {
  readonly process: string;
  readonly thread: number;
  readonly way: string;
  /** The share of the time in which it was not idle. */
  readonly busy: number;
  readonly functions: readonly Share[];
  /** The time by package. */
  readonly packages: readonly Share[];
  /** Our own functions and the packages, including everything that they call, so these overlap. */
  readonly inclusive: readonly Share[];
};

export type Share = { readonly name: string; readonly share: number };

/** Reads the CPU profiles of this run, cut to its windows. Shares are relative to the thread's busy time. */
export async function readProfiles(directory: string, windows: readonly Window[]): Promise<ThreadProfile[]> {
  const profiles: ThreadProfile[] = [];
  for (const file of await readdir(directory).catch(() => [])) {
    const [, pid, thread] = /^CPU\.\d+\.\d+\.(\d+)\.(\d+)\.\d+\.cpuprofile$/.exec(file) ?? [];
    const own = windows.filter(({ pids }) => Object.values(pids).includes(Number(pid)));
    if (own.length === 0) {
      continue;
    }
    const profile: CpuProfile = JSON.parse(await readFile(join(directory, file), "utf8"));
    for (const [way, some] of Map.groupBy(own, ({ way }) => way)) {
      const name = Object.entries(some[0]?.pids ?? {}).find(([, one]) => one === Number(pid))?.[0] ?? "";
      profiles.push({ process: name, thread: Number(thread), way, ...summarize(profile, some) });
    }
  }
  return profiles.filter(({ busy }) => busy > 0.01).sort((a, b) => a.way.localeCompare(b.way) || b.busy - a.busy);
}

type CpuProfile = {
  readonly nodes: readonly ProfileNode[];
  /** In µs, on the clock of process.hrtime(). */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

type ProfileNode = {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
};

/** The entries that a sample of a node counts for. */
type Place = { readonly name: string; readonly package: string; readonly within: ReadonlySet<string> };

function placesOf(nodes: readonly ProfileNode[]): Map<number, Place> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const places = new Map<number, Place>();
  // A node comes after its parent.
  for (const { id, callFrame } of nodes) {
    const file = placeOf(callFrame.url);
    const name = callFrame.functionName === "" ? "(anonymous)" : callFrame.functionName;
    const full = file === "" ? name : `${name} ${file}:${callFrame.lineNumber + 1}`;
    const of = file === "" ? name : packageOf(file);
    const within = new Set(places.get(parents.get(id) ?? 0)?.within);
    places.set(id, { name: full, package: of, within: within.add(isOurs(callFrame.url) ? full : of) });
  }
  return places;
}

function isOurs(url: string): boolean {
  return url.startsWith("file://") && !url.includes("/node_modules/");
}

function summarize({ nodes, startTime, samples, timeDeltas }: CpuProfile, windows: readonly Window[]) {
  const places = placesOf(nodes);
  const [functions, packages, inclusive] = [new Map<string, number>(), new Map(), new Map()];
  const add = (map: Map<string, number>, key: string, micros: number) => map.set(key, (map.get(key) ?? 0) + micros);
  let atMicros = startTime;
  let busyMicros = 0;
  let allMicros = 0;
  for (const [index, id] of samples.entries()) {
    const micros = timeDeltas[index + 1] ?? 0;
    atMicros += timeDeltas[index] ?? 0;
    const place = places.get(id);
    if (place === undefined || !windows.some(({ fromMs, toMs }) => isWithin(atMicros / 1_000, fromMs, toMs))) {
      continue;
    }
    allMicros += micros;
    if (place.name === "(idle)") {
      continue;
    }
    busyMicros += micros;
    add(functions, place.name, micros);
    add(packages, place.package, micros);
    for (const one of place.within) {
      add(inclusive, one, micros);
    }
  }
  return {
    busy: busyMicros / Math.max(1, allMicros),
    functions: most(functions, busyMicros, 25),
    packages: most(packages, busyMicros, 15),
    inclusive: most(inclusive, busyMicros, 60),
  };
}

function isWithin(ms: number, fromMs: number, toMs: number): boolean {
  return ms >= fromMs && ms < toMs;
}

function most(map: ReadonlyMap<string, number>, all: number, count: number): Share[] {
  return [...map]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, micros]) => ({ name, share: micros / Math.max(1, all) }));
}

const root = fileURLToPath(new URL("../..", import.meta.url));

function placeOf(url: string): string {
  const path = url.startsWith("file://") ? relative(root, fileURLToPath(url)) : url;
  return path.replace(/^.*node_modules\//, "");
}

/** Returns the package of a file; node:… and our own files are returned unchanged. */
function packageOf(file: string): string {
  return /^(@[^/]+\/[^/]+|[^/]+)\/(?:dist|lib|build|src|esm|cjs)\//.exec(file)?.[1] ?? file;
}

/** Formats the top of each profile. */
export function describeProfiles(profiles: readonly ThreadProfile[]): string {
  const line = ({ name, share }: Share) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`;
  return profiles
    .map(({ process, thread, way, busy, functions, packages, inclusive }) =>
      [
        `${process}, thread ${thread}, while ${way}: busy ${(busy * 100).toFixed(0)} %`,
        ...functions.slice(0, 15).map(line),
        " by package:",
        ...packages.slice(0, 10).map(line),
        " including everything that they call:",
        ...inclusive
          .filter(({ name }) => !name.startsWith("("))
          .slice(0, 25)
          .map(line),
      ].join("\n"),
    )
    .join("\n\n");
}

/** Formats the most expensive statements of each window. */
export function describeStatements(windows: readonly Window[]): string {
  return windows
    .filter(({ statements }) => statements.length > 0)
    .map(({ way, mix, callers, answers, statements }) =>
      [
        `Statements of ${way}, ${mix}, ${callers} callers: µs per checkout (of which planning), calls, rows, µs per call`,
        ...statements.map(({ database, text, calls, rows, totalMs, planMs }) =>
          [
            `${micros(totalMs / answers)} (${micros(planMs / answers)})`,
            `${calls} × ${Math.round(rows / calls)} rows, ${micros(totalMs / calls)} each`,
            `${database}: ${text.slice(0, 160)}`,
          ].join("  "),
        ),
      ].join("\n  "),
    )
    .join("\n\n");
}

/** Formats the calls of each window. */
export function describeRpcs(windows: readonly Window[]): string {
  return windows
    .filter(({ rpcs }) => rpcs.length > 0)
    .map(({ way, mix, callers, seconds, rpcs }) =>
      [
        `Calls of ${way}, ${mix}, ${callers} callers: ms per call, calls per second`,
        ...rpcs
          .slice(0, 40)
          .map(
            ({ process, side, method, calls, meanMs }) =>
              `  ${digits(meanMs).padStart(7)} ms  ${digits(calls / seconds).padStart(7)}/s  ${process} (${side}) ${method}`,
          ),
      ].join("\n"),
    )
    .join("\n\n");
}

function micros(ms: number): string {
  return (ms * 1_000).toFixed(1).padStart(7);
}
