import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createGuard, type Guard } from "./guard.ts";
import { createProcesses, type Death, type Processes, type ProcessSpec } from "./processes.ts";
import { elsewhere, isRunning } from "./testing.ts";

let logDirectory: string;
let guard: Guard;
let deaths: Death[];
let shown: string[];
let processes: Processes;

beforeEach(async () => {
  logDirectory = await mkdtemp(join(tmpdir(), "sagacart-processes-"));
  guard = createGuard();
  deaths = [];
  shown = [];
  processes = createProcesses({
    logDirectory,
    guard,
    onDeath: (death) => deaths.push(death),
    show: { lines: "errors", line: (name, line) => shown.push(`${name} | ${line}`) },
  });
});
afterEach(async () => {
  await processes.close();
  guard.dispose();
  await rm(logDirectory, { recursive: true });
});

/** A process that is ready when it has printed "ready". */
function shell(name: string, script: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    name,
    command: "/bin/sh",
    args: ["-c", script],
    env: process.env,
    waitsFor: async () =>
      (await readFile(join(logDirectory, `${name}.log`), "utf8")).includes("ready") ? undefined : "its first word",
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 60_000,
    ...more,
  };
}

test("a process is started when it is ready, and gone when it is stopped", async () => {
  await processes.start(shell("order", "echo ready; exec sleep 1000"));
  const pid = processes.pid("order")!;
  expect(isRunning(pid)).toBe(true);
  await processes.stop("order");
  expect(isRunning(pid)).toBe(false);
  expect(processes.pids()).toEqual({});
  expect(deaths).toEqual([]);
});

test("one that ends while it starts is told with its last lines", async () => {
  const failing = processes.start(shell("order", "echo 'PORT is wrong'; exit 1"));
  await expect(failing).rejects.toThrow("order ended while it started (exit code 1):\nPORT is wrong");
  expect(deaths).toEqual([]);
});

test("a program that is not there is told", async () => {
  await expect(processes.start(shell("order", "", { command: "/nowhere/node" }))).rejects.toThrow(
    "order ended while it started (spawn /nowhere/node ENOENT)",
  );
});

test("one that does not get ready is ended and told", async () => {
  const slow = processes.start(shell("order", "echo waiting; exec sleep 1000", { readyTimeoutMs: 2_000 }));
  await expect(slow).rejects.toThrow(
    /order was not ready after 2 s \(its first word\)\. The last lines of .*:\nwaiting/,
  );
  expect(deaths).toEqual([]);
});

test("one that ends unasked is reported with its last lines, and not started again", async () => {
  await processes.start(shell("order", "echo 'a bug'; echo ready; exec sleep 1000"));
  process.kill(processes.pid("order")!, "SIGKILL");
  await expect
    .poll(() => deaths)
    .toEqual([
      { name: "order", how: "signal SIGKILL", lastLines: ["a bug", "ready"], logFile: join(logDirectory, "order.log") },
    ]);
  expect(processes.pids()).toEqual({});
});

test("one that is killed on purpose is no surprise, and can be started again", async () => {
  const spec = shell("order", "echo ready; exec sleep 1000");
  await processes.start(spec);
  const before = processes.pid("order")!;
  await processes.kill("order", "SIGKILL");
  expect(isRunning(before)).toBe(false);
  await processes.start(spec);
  expect(processes.pid("order")).not.toBe(before);
  expect(deaths).toEqual([]);
});

test("one that does not heed SIGTERM is killed in the end", async () => {
  const deaf = shell("order", "trap '' TERM; echo ready; while :; do sleep 0.05; done", { stopTimeoutMs: 200 });
  await processes.start(deaf);
  const pid = processes.pid("order")!;
  await processes.stop("order");
  expect(isRunning(pid)).toBe(false);
});

test("closing stops those that run and those that start, and lets no more start", async () => {
  await processes.start(shell("order", "echo ready; exec sleep 1000"));
  const starting = processes.start(shell("stock", "exec sleep 1000"));
  const refused = expect(starting).rejects.toThrow("stock");
  await processes.close();
  await refused;
  await expect(processes.start(shell("payment", "echo ready"))).rejects.toThrow("the shop is stopping");
  expect(processes.pids()).toEqual({});
});

test("lines of errors are shown with the name of the process, other lines are not", async () => {
  const error = '{"level":"error","msg":"a bug"}';
  await processes.start(shell("order", `echo ready; echo '{"level":"info"}'; echo '${error}'; exec sleep 1000`));
  await expect.poll(() => shown).toEqual([`order | ${error}`]);
});

test("a parent killed with -9 leaves nothing behind but what it let go", async () => {
  const parent = await elsewhere(`
    const { createGuard } = await import(${JSON.stringify(new URL("./guard.ts", import.meta.url).href)});
    const { spawn } = await import("node:child_process");
    const guard = createGuard();
    const options = { detached: true, stdio: "ignore" };
    const heeding = spawn("/bin/sleep", ["1000"], options);
    const let_go = spawn("/bin/sleep", ["2000"], options);
    guard.watch(heeding.pid, "TERM");
    guard.watch(let_go.pid, "TERM")();
    tell(heeding.pid + " " + let_go.pid);
  `);
  const [heeding, letGo] = parent.told.split(" ").map(Number);
  await parent.end("SIGKILL");
  await expect.poll(() => isRunning(heeding!)).toBe(false);
  expect(isRunning(letGo!)).toBe(true);
  process.kill(letGo!, "SIGKILL");
});
