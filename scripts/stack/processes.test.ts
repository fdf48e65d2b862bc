import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createGuard, type Guard } from "./guard.ts";
import { createProcesses, type Processes, type ProcessSpec, type UnexpectedExit } from "./processes.ts";
import { isRunning, runInProcess } from "./testing.ts";

let logDirectory: string;
let guard: Guard;
let exits: UnexpectedExit[];
let shown: string[];
let processes: Processes;

beforeEach(async () => {
  logDirectory = await mkdtemp(join(tmpdir(), "sagacart-processes-"));
  guard = createGuard();
  exits = [];
  shown = [];
  processes = createProcesses({
    logDirectory,
    guard,
    onUnexpectedExit: (exit) => exits.push(exit),
    show: { lines: "errors", line: (name, line) => shown.push(`${name} | ${line}`) },
  });
});
afterEach(async () => {
  await processes.close();
  guard.dispose();
  await rm(logDirectory, { recursive: true });
});

/** Returns a process that is ready when it has printed "ready". */
function shell(name: string, script: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    name,
    command: "/bin/sh",
    args: ["-c", script],
    env: process.env,
    waitsFor: async () =>
      (await readFile(join(logDirectory, `${name}.log`), "utf8")).includes("ready") ? undefined : "the word ready",
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 60_000,
    ...more,
  };
}

test("start resolves when the process is ready, stop when it has ended", async () => {
  await processes.start(shell("order", "echo ready; exec sleep 1000"));
  const pid = processes.pid("order")!;
  expect(isRunning(pid)).toBe(true);
  await processes.stop("order");
  expect(isRunning(pid)).toBe(false);
  expect(processes.pids()).toEqual({});
  expect(exits).toEqual([]);
});

test.each([
  ["close", async () => await processes.close()],
  ["stop", async () => await processes.stop("order")],
  ["kill", async () => await processes.kill("order", "SIGKILL")],
])("%s ends a process whose start has only begun", async (_, end) => {
  const starting = processes.start(shell("order", "exec sleep 1000")).catch((error: Error) => error.message);
  await end();
  expect(processes.pids()).toEqual({});
  expect(await starting).toBe("order was stopped while it was starting.");
  expect(exits).toEqual([]);
});

test("a process counts as running from the begin of its start to its end", async () => {
  expect(processes.isRunning("order")).toBe(false);
  const starting = processes.start(shell("order", "echo ready; exec sleep 1000"));
  expect([processes.isRunning("order"), processes.pid("order")]).toEqual([true, undefined]);
  await starting;
  expect(processes.isRunning("order")).toBe(true);
  await processes.stop("order");
  expect(processes.isRunning("order")).toBe(false);
});

test("a process is started once, also by two who start it at once", async () => {
  const spec = shell("order", "echo ready; exec sleep 1000");
  const [first, second] = await Promise.allSettled([processes.start(spec), processes.start(spec)]);
  expect(first.status).toBe("fulfilled");
  expect(second).toMatchObject({ status: "rejected", reason: { message: "order is already running" } });
});

test("reports a process that ends while it is starting, with its last lines", async () => {
  const failing = processes.start(shell("order", "echo 'PORT is wrong'; exit 1"));
  await expect(failing).rejects.toThrow("order ended while it was starting (exit code 1):\nPORT is wrong");
  expect(exits).toEqual([]);
});

test("reports a missing program", async () => {
  await expect(processes.start(shell("order", "", { command: "/nowhere/node" }))).rejects.toThrow(
    "order ended while it was starting (spawn /nowhere/node ENOENT)",
  );
});

test("kills and reports a process that does not become ready", async () => {
  const slow = processes.start(shell("order", "echo waiting; exec sleep 1000", { readyTimeoutMs: 2_000 }));
  await expect(slow).rejects.toThrow(
    /order was not ready after 2 s \(the word ready\)\. The last lines of .*:\nwaiting/,
  );
  expect(exits).toEqual([]);
});

test("reports an unexpected exit with the last lines, and does not restart the process", async () => {
  await processes.start(shell("order", "echo 'a bug'; echo ready; exec sleep 1000"));
  process.kill(processes.pid("order")!, "SIGKILL");
  await expect
    .poll(() => exits)
    .toEqual([
      { name: "order", how: "signal SIGKILL", lastLines: ["a bug", "ready"], logFile: join(logDirectory, "order.log") },
    ]);
  expect(processes.pids()).toEqual({});
});

test("a process killed on purpose is not reported and can be started again", async () => {
  const spec = shell("order", "echo ready; exec sleep 1000");
  await processes.start(spec);
  const before = processes.pid("order")!;
  await processes.kill("order", "SIGKILL");
  expect(isRunning(before)).toBe(false);
  await processes.start(spec);
  expect(processes.pid("order")).not.toBe(before);
  expect(exits).toEqual([]);
});

test("kills a process that ignores SIGTERM", async () => {
  const stubborn = shell("order", "trap '' TERM; echo ready; while :; do sleep 0.05; done", { stopTimeoutMs: 200 });
  await processes.start(stubborn);
  const pid = processes.pid("order")!;
  await processes.stop("order");
  expect(isRunning(pid)).toBe(false);
});

test("close stops running and starting processes, and refuses new ones", async () => {
  await processes.start(shell("order", "echo ready; exec sleep 1000"));
  const starting = processes.start(shell("stock", "exec sleep 1000"));
  const refused = expect(starting).rejects.toThrow("stock");
  await processes.close();
  await refused;
  await expect(processes.start(shell("payment", "echo ready"))).rejects.toThrow("the shop is stopping");
  expect(processes.pids()).toEqual({});
});

test("shows error lines with the name of the process, and no other lines", async () => {
  const error = '{"level":"error","msg":"a bug"}';
  await processes.start(shell("order", `echo ready; echo '{"level":"info"}'; echo '${error}'; exec sleep 1000`));
  await expect.poll(() => shown).toEqual([`order | ${error}`]);
});

test("when the parent is killed with SIGKILL, only unwatched processes go on", async () => {
  const parent = await runInProcess(`
    const { createGuard } = await import(${JSON.stringify(new URL("./guard.ts", import.meta.url).href)});
    const { spawn } = await import("node:child_process");
    const guard = createGuard();
    const options = { detached: true, stdio: "ignore" };
    const watched = spawn("/bin/sleep", ["1000"], options);
    const unwatched = spawn("/bin/sleep", ["2000"], options);
    guard.watch(watched.pid, "TERM");
    guard.watch(unwatched.pid, "TERM")();
    report(watched.pid + " " + unwatched.pid);
  `);
  const [watched, unwatched] = parent.output.split(" ").map(Number);
  await parent.end("SIGKILL");
  await expect.poll(() => isRunning(watched!)).toBe(false);
  expect(isRunning(unwatched!)).toBe(true);
  process.kill(unwatched!, "SIGKILL");
});
