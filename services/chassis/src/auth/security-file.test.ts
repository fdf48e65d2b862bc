import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rename, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLog } from "../process/log.ts";
import { fileSink, openSecurityLog, securityLogTarget } from "./security-file.ts";

let folder: string;
let file: string;
const logged: Record<string, unknown>[] = [];
const onStdout: string[] = [];
const log = createLog({ service: "s", level: "info", destination: { write: (line) => logged.push(JSON.parse(line)) } });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "security-log-"));
  file = join(folder, "security.log");
  logged.length = 0;
  onStdout.length = 0;
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

const open = (path = file) => fileSink(path, { log, fallback: { write: (line) => onStdout.push(line) } });
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test("lines are appended to what is there, and only the owner can read them", async () => {
  await writeFile(file, "before\n", { mode: 0o644 });
  const sink = open();
  sink.write("one\n");
  sink.write("two\n");

  expect(await readFile(file, "utf8")).toBe("before\none\ntwo\n");
  expect(await modeOf(file)).toBe("600");
});

test("a new file is for its owner alone, whatever the umask", async () => {
  open().write("one\n");
  expect(await modeOf(file)).toBe("600");
});

test.each<[string, (sink: ReturnType<typeof open>) => void]>([
  ["at a signal", (sink) => sink.reopen()],
  ["without one, after a second", () => vi.advanceTimersByTime(1_001)],
])("a file that was moved is opened anew, %s", async (_, happens) => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const sink = open();
  sink.write("one\n");
  await rename(file, `${file}.1`);
  happens(sink);
  sink.write("two\n");

  expect([await readFile(`${file}.1`, "utf8"), await readFile(file, "utf8")]).toEqual(["one\n", "two\n"]);
  expect(await modeOf(file)).toBe("600");
});

test("a file that was moved is noticed while lines are written all the time", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const sink = open();
  sink.write("before\n");
  await rename(file, `${file}.1`);
  for (let count = 0; count < 20; count++) {
    vi.advanceTimersByTime(200);
    sink.write(`${count}\n`);
  }
  expect(await readFile(`${file}.1`, "utf8")).toMatch(/^before\n0\n1\n2\n3\n4\n(5\n)?$/);
  expect(await readFile(file, "utf8")).toMatch(/19\n$/);
});

test("the file is opened anew at SIGHUP, until the sink is disposed", async () => {
  const before = process.listenerCount("SIGHUP");
  const sink = openSecurityLog(file, log);
  sink.write("one\n");
  await rename(file, `${file}.1`);
  process.emit("SIGHUP");
  sink.write("two\n");
  sink[Symbol.dispose]();

  expect(await readFile(file, "utf8")).toBe("two\n");
  expect(process.listenerCount("SIGHUP")).toBe(before);
});

test("a file that was emptied in place goes on at its beginning", async () => {
  const sink = open();
  sink.write("one\n");
  await truncate(file);
  sink.write("two\n");
  expect(await readFile(file, "utf8")).toBe("two\n");
});

test("while it cannot be written, lines go to stdout, and one error says so; then they go to the file again", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const sink = open();
  sink.write("one\n");
  await rm(folder, { recursive: true });
  vi.advanceTimersByTime(1_001);
  sink.write("two\n");
  sink.write("three\n");
  expect(onStdout).toEqual(["two\n", "three\n"]);
  expect(logged).toMatchObject([
    { level: "error", msg: "the security log cannot be written; its lines go to stdout meanwhile" },
  ]);

  folder = await mkdtemp(join(tmpdir(), "security-log-"));
  await rename(folder, join(file, ".."));
  folder = join(file, "..");
  sink.write("four\n");
  expect(await readFile(file, "utf8")).toBe("four\n");
});

test.each<[string, () => Promise<string>, string]>([
  ["a relative path", async () => "security.log", 'must be stdout or the absolute path of a file, got "security.log"'],
  ["a folder", async () => folder, "cannot be written: EISDIR"],
  ["a folder that does not exist", async () => join(folder, "none", "security.log"), "cannot be written: ENOENT"],
  [
    "a pipe that nobody reads",
    async () => {
      execFileSync("mkfifo", [file]);
      return file;
    },
    "cannot be written: ENXIO",
  ],
  ["a device", async () => "/dev/null", "cannot be written: it is not a regular file"],
  [
    "a link",
    async () => {
      await writeFile(join(folder, "other"), "");
      await symlink(join(folder, "other"), file);
      return file;
    },
    "cannot be written: ELOOP",
  ],
])("SECURITY_LOG: %s is refused at the start", async (_, path, message) => {
  const given = await path();
  expect(() => securityLogTarget(given)).toThrow(message);
});

test("SECURITY_LOG is stdout if it is not set", async () => {
  await chmod(folder, 0o700);
  expect(securityLogTarget(undefined)).toBe("stdout");
  expect(securityLogTarget(file)).toBe(file);
});
