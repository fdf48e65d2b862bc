import { existsSync, readdirSync, readFileSync } from "node:fs";
import os from "node:os";

/** CPU time in ms by process and of the whole machine at one moment. Only differences of two samples are meaningful. */
export type CpuSample = { readonly processes: ReadonlyMap<string, number>; readonly machineMs: number };

/**
 * Reads the CPU time of these processes, including their threads. A Postgres backend counts for its database; other
 * Postgres processes and ended backends count as "postgres (shared)". Empty on systems without /proc.
 *
 * Reads synchronously: asynchronous reads would use ten times as much of the CPU time that is measured.
 */
export function sampleCpu(pids: Readonly<Record<string, number>>): CpuSample {
  const processes = new Map<string, number>();
  const add = (name: string, ms: number) => processes.set(name, (processes.get(name) ?? 0) + ms);
  for (const [name, pid] of Object.entries(pids)) {
    const stat = parseStat(read(`/proc/${pid}/stat`));
    if (stat === undefined) {
      continue;
    }
    if (name === "postgres") {
      add("postgres (shared)", stat.ownMs + stat.endedChildrenMs);
      addBackends(pid, add);
    } else {
      add(name, stat.ownMs);
    }
  }
  const times = os.cpus().map((cpu) => cpu.times);
  return {
    processes,
    machineMs: times.reduce((total, { user, nice, sys, irq }) => total + user + nice + sys + irq, 0),
  };
}

/** Returns the CPU time that each process used between two samples. */
export function cpuBetween(before: CpuSample, after: CpuSample): Map<string, number> {
  return new Map(
    [...after.processes].map(([name, ms]) => [name, Math.max(0, ms - (before.processes.get(name) ?? 0))] as const),
  );
}

function addBackends(postmaster: number, add: (name: string, ms: number) => void): void {
  for (const pid of existsSync("/proc") ? readdirSync("/proc") : []) {
    const stat = /^\d+$/.test(pid) ? parseStat(read(`/proc/${pid}/stat`)) : undefined;
    if (stat?.parent === postmaster) {
      add(backendName(read(`/proc/${pid}/cmdline`)), stat.ownMs);
    }
  }
}

/** Returns the file's text; empty if it does not exist because its process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** A backend's title is `postgres: <role> <database> <address> <what it does>`. */
export function backendName(title: string): string {
  const database = /^postgres: \S+ (\S+) (?:\d+\.\d+\.\d+\.\d+|::1|\[local\])/.exec(title)?.[1];
  return database === undefined ? "postgres (shared)" : `postgres ${database}`;
}

export type Stat = { readonly parent: number; readonly ownMs: number; readonly endedChildrenMs: number };

/** Parses the needed fields of /proc/<pid>/stat; undefined if there is no such process. */
export function parseStat(text: string): Stat | undefined {
  // `pid (name) state parent …`: the name may contain anything, including parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [parent, own, ownSystem, children, childrenSystem] = [1, 11, 12, 13, 14].map((index) => Number(fields[index]));
  return text === "" || parent === undefined
    ? undefined
    : {
        parent,
        ownMs: ((own ?? 0) + (ownSystem ?? 0)) * msPerTick,
        endedChildrenMs: ((children ?? 0) + (childrenSystem ?? 0)) * msPerTick,
      };
}

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const msPerTick = 10;
