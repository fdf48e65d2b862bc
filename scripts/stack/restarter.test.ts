import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createGuard, type Guard } from "./guard.ts";
import { createProcesses, type Processes, type ProcessSpec } from "./processes.ts";
import { createRestarter } from "./restarter.ts";
import { isRunning } from "./testing.ts";

let directory: string;
let guard: Guard;
let said: string[];
let stopping: AbortController;
let processes: Processes;
const specs = new Map<string, ProcessSpec>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sagacart-restarter-"));
  guard = createGuard();
  said = [];
  stopping = new AbortController();
  const restart = createRestarter({
    start: (name) => processes.start(specs.get(name)!),
    isRunning: (name) => processes.isRunning(name),
    onStarted: letGo,
    say: (text) => said.push(text.trim().split("\n", 1)[0]!),
    signal: stopping.signal,
    pauses: { firstMs: 10, longestMs: 80, stableMs: 1_000 },
  });
  processes = createProcesses({ logDirectory: directory, guard, onUnexpectedExit: restart });
});
afterEach(async () => {
  stopping.abort();
  await processes.close();
  guard.dispose();
  await rm(directory, { recursive: true });
});

const startsOf = async (name: string) =>
  (await readFile(join(directory, `${name}.log`), "utf8")).split("\n").filter((line) => line === "started").length;

/** Starts a process that is ready at once, runs `script`, and writes a line to its log at each start. */
async function run(name: string, script: string): Promise<void> {
  const spec: ProcessSpec = {
    name,
    command: "/bin/sh",
    args: ["-c", `echo started; ${script}`],
    env: process.env,
    waitsFor: async () => ((await startsOf(name)) > 0 ? undefined : "the word started"),
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 60_000,
  };
  specs.set(name, spec);
  await processes.start(spec);
  await letGo(name);
}

const goOf = (name: string) => join(directory, `${name}.go`);

/** Lets a process go on that is ready: before that, its end would be one of its start. */
async function letGo(name: string): Promise<void> {
  await writeFile(goOf(name), "");
}

/** A script of `order` that ends, once it may go on, as long as the file is there. */
const endWhile = (file: string) =>
  `until [ -e ${goOf("order")} ]; do sleep 0.01; done; rm ${goOf("order")}; [ -e ${file} ] && exit 3; exec sleep 1000`;
const saidLike = (pattern: RegExp) => said.filter((line) => pattern.test(line));

test("a process that is killed is started again at once, as often as it is killed after it has run for a while", async () => {
  await run("order", "exec sleep 1000");
  for (let round = 1; round <= 2; round++) {
    const pid = processes.pid("order")!;
    process.kill(pid, "SIGKILL");
    await expect.poll(() => processes.pid("order") ?? pid, { timeout: 60_000 }).not.toBe(pid);
    await expect.poll(() => saidLike(/running again/), { timeout: 60_000 }).toHaveLength(round);
  }
  expect(saidLike(/keeps ending/)).toEqual([]);
  expect(saidLike(/^order ended unexpectedly with signal SIGKILL\. The end of .*order\.log:$/)).toHaveLength(2);
});

test("a process that keeps ending is started again without end; that is said once, and its recovery once", async () => {
  const broken = join(directory, "broken");
  await writeFile(broken, "");
  await run("order", endWhile(broken));

  // Far more often than it was once given up after.
  await expect.poll(() => startsOf("order"), { timeout: 60_000 }).toBeGreaterThan(10);
  expect(saidLike(/keeps ending/)).toEqual([
    "order keeps ending (exit code 3). It is started again after growing pauses, at most 0 s; see its log.",
  ]);
  expect(saidLike(/ended unexpectedly/)).toHaveLength(3);

  // What it suffered from passes: nobody has to start it.
  await rm(broken);
  await expect.poll(() => saidLike(/recovered/), { timeout: 60_000 }).toHaveLength(1);
  expect(isRunning(processes.pid("order")!)).toBe(true);
  expect(saidLike(/keeps ending/)).toHaveLength(1);
  expect(saidLike(/ended unexpectedly/)).toHaveLength(3);

  // It is a new trouble afterwards.
  const starts = await startsOf("order");
  process.kill(processes.pid("order")!, "SIGKILL");
  await expect.poll(() => startsOf("order"), { timeout: 60_000 }).toBe(starts + 1);
  await expect.poll(() => saidLike(/ended unexpectedly/), { timeout: 60_000 }).toHaveLength(4);
});

test("a process that cannot even be started is tried again, too", async () => {
  await run("order", "exec sleep 1000");
  const working = specs.get("order")!;
  specs.set("order", { ...working, command: join(directory, "not-there") });
  process.kill(processes.pid("order")!, "SIGKILL");
  await expect.poll(() => saidLike(/keeps ending/), { timeout: 60_000 }).toHaveLength(1);

  specs.set("order", working);
  await expect.poll(() => saidLike(/recovered/), { timeout: 60_000 }).toHaveLength(1);
});

test("the attempts end with the shop", async () => {
  const broken = join(directory, "broken");
  await writeFile(broken, "");
  await run("order", endWhile(broken));
  await expect.poll(() => saidLike(/keeps ending/), { timeout: 60_000 }).toHaveLength(1);
  stopping.abort();
  await processes.close();
  const starts = await startsOf("order");
  expect(processes.pids()).toEqual({});
  expect(await startsOf("order")).toBe(starts);
});
