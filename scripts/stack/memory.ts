import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

/**
 * Returns the memory of these processes and all their descendants. On Linux it is the proportional set size, which counts
 * shared pages (programs, Postgres' buffers) once. Elsewhere it is the resident size, which counts them in each process.
 */
export async function memoryOf(pids: readonly number[]): Promise<{ bytes: number; measure: "PSS" | "RSS" }> {
  const family = withDescendants(pids, await allProcesses());
  if (process.platform !== "linux") {
    const { stdout } = await run("ps", ["-o", "rss=", "-p", family.join(",")]);
    return { bytes: sum(stdout.trim().split(/\s+/).map(Number)) * 1024, measure: "RSS" };
  }
  const sizes = family.map(async (pid) => {
    // A process that has ended, or belongs to another user, counts as 0.
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
  });
  return { bytes: sum(await Promise.all(sizes)), measure: "PSS" };
}

const run = promisify(execFile);

type Relation = { readonly pid: number; readonly parent: number };

function withDescendants(pids: readonly number[], all: readonly Relation[]): number[] {
  const family = new Set(pids);
  for (let before = -1; before !== family.size; ) {
    before = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return [...family];
}

async function allProcesses(): Promise<Relation[]> {
  if (process.platform !== "linux") {
    const { stdout } = await run("ps", ["-axo", "pid=,ppid="]);
    return stdout
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/).map(Number))
      .map(([pid = 0, parent = 0]) => ({ pid, parent }));
  }
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return Promise.all(
    pids.map(async (pid) => {
      // `pid (name) state parent …`; the name may contain parentheses.
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      return { pid: Number(pid), parent: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) };
    }),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
