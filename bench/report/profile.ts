import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Window } from "../window.ts";

/** Where one thread of a process spent its time inside the windows of one way. */
export type ThreadProfile = {
  readonly process: string;
  readonly thread: number;
  readonly way: string;
  /** The share of the time in which it was not idle. */
  readonly busy: number;
  readonly functions: readonly Share[];
  /** The same by file or package. */
  readonly files: readonly Share[];
};

export type Share = { readonly name: string; readonly share: number };

/** Reads the CPU profiles of this run, cut to its windows. Shares are of the time in which the thread was busy. */
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
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  /** In µs, of the clock that process.hrtime() shows. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

function summarize({ nodes, startTime, samples, timeDeltas }: CpuProfile, windows: readonly Window[]) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const files = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, micros: number) => map.set(key, (map.get(key) ?? 0) + micros);
  let atMicros = startTime;
  let busyMicros = 0;
  let allMicros = 0;
  for (const [index, id] of samples.entries()) {
    const micros = timeDeltas[index + 1] ?? 0;
    atMicros += timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    if (frame === undefined || !windows.some(({ fromMs, toMs }) => isWithin(atMicros / 1_000, fromMs, toMs))) {
      continue;
    }
    allMicros += micros;
    if (frame.functionName === "(idle)") {
      continue;
    }
    busyMicros += micros;
    const file = placeOf(frame.url);
    const name = frame.functionName === "" ? "(anonymous)" : frame.functionName;
    add(functions, file === "" ? name : `${name} ${file}:${frame.lineNumber + 1}`, micros);
    add(files, file === "" ? name : packageOf(file), micros);
  }
  return {
    busy: busyMicros / Math.max(1, allMicros),
    functions: most(functions, busyMicros, 25),
    files: most(files, busyMicros, 15),
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

/** A package as one; our own code by file. */
function packageOf(file: string): string {
  return /^(@[^/]+\/[^/]+|[^/]+)\/(?:dist|lib|build|src|esm|cjs)\//.exec(file)?.[1] ?? file;
}

/** The top of each profile, for people. */
export function describeProfiles(profiles: readonly ThreadProfile[]): string {
  const line = ({ name, share }: Share) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`;
  return profiles
    .map(({ process, thread, way, busy, functions, files }) =>
      [
        `${process}, thread ${thread}, while ${way}: busy ${(busy * 100).toFixed(0)} %`,
        ...functions.slice(0, 15).map(line),
        " by package:",
        ...files.slice(0, 10).map(line),
      ].join("\n"),
    )
    .join("\n\n");
}

/** The statements that cost most in each window, for people. */
export function describeStatements(windows: readonly Window[]): string {
  return windows
    .filter(({ statements }) => statements.length > 0)
    .map(({ way, mix, callers, answers, statements }) =>
      [
        `Statements of ${way}, ${mix}, ${callers} callers: µs per checkout (of which planning), calls, rows, µs a call`,
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

function micros(ms: number): string {
  return (ms * 1_000).toFixed(1).padStart(7);
}
