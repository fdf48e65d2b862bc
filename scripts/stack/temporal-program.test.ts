import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FindOptions, findTemporal, temporalVersion } from "./temporal-program.ts";
import { isRunning } from "./testing.ts";

let directory: string;
let cache: string;
let path: string;
let lines: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sagacart-temporal-"));
  cache = join(directory, "cache");
  path = join(directory, "path");
  lines = [];
  await mkdir(path);
  await mkdir(cache);
});
afterEach(() => rm(directory, { recursive: true }));

async function program(folder: string, name: string, script: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

function find(more: Partial<FindOptions> = {}, env: NodeJS.ProcessEnv = {}) {
  return findTemporal({
    env: { PATH: path, ...env },
    cache,
    log: (line) => lines.push(line),
    download: { command: "/bin/sh", args: ["-c", "echo 'name or service not known' >&2; exit 1"] },
    ...more,
  });
}

/** A fake `go` that accepts only the expected module and version. */
const workingGo = `
[ "$1 $2" = "install github.com/temporalio/cli/cmd/temporal@${temporalVersion}" ] || exit 2
echo 'go: downloading go.temporal.io/server v1.29.1' >&2
echo '#!/bin/sh' > "$GOBIN/temporal"; /bin/chmod 755 "$GOBIN/temporal"`;

test("TEMPORAL_ADDRESS comes first", async () => {
  await program(path, "temporal", "");
  expect(await find({}, { TEMPORAL_ADDRESS: "10.0.0.1:7233" })).toEqual({ kind: "server", address: "10.0.0.1:7233" });
});

test("the PATH comes before the cache", async () => {
  const onPath = await program(path, "temporal", "");
  await program(cache, `temporal-${temporalVersion}`, "");
  expect(await find()).toEqual({ kind: "program", path: onPath, from: "the PATH" });
});

test("ignores a file on the PATH that is not executable", async () => {
  await writeFile(join(path, "temporal"), "");
  const cached = await program(cache, `temporal-${temporalVersion}`, "");
  expect(await find()).toEqual({ kind: "program", path: cached, from: "the cache" });
});

test("the cache comes before the download", async () => {
  const cached = await program(cache, "temporal-sdk-typescript-1.24.0", "");
  expect(await find()).toEqual({ kind: "program", path: cached, from: "the cache" });
  expect(lines).toEqual([]);
});

test("ignores an incomplete download in the cache", async () => {
  await program(cache, "temporal-sdk-typescript-1.24.0.downloading", "");
  await expect(find()).rejects.toThrow("Found no Temporal dev server");
});

test("the SDK's download comes before Go", async () => {
  await program(path, "go", workingGo);
  const script = 'echo > "$1/temporal-sdk-typescript-1.24.0"; /bin/chmod 755 "$1/temporal-sdk-typescript-1.24.0"';
  const found = await find({ download: { command: "/bin/sh", args: ["-c", script, "sh"] } });
  expect(found).toEqual({
    kind: "program",
    path: join(cache, "temporal-sdk-typescript-1.24.0"),
    from: "the SDK's download",
  });
});

test("Go builds the program, once, if the download fails", async () => {
  await program(path, "go", workingGo);
  const built = join(cache, `temporal-${temporalVersion}`);
  expect(await find()).toEqual({ kind: "program", path: built, from: "go install" });
  expect(lines).toContain("Temporal's SDK could not download the dev server (name or service not known).");
  expect(await find()).toEqual({ kind: "program", path: built, from: "the cache" });
  expect(await readdir(cache)).toEqual([`temporal-${temporalVersion}`]);
});

test("if everything fails, the error says what was tried and what helps", async () => {
  await expect(find()).rejects.toThrow(
    `Found no Temporal dev server: TEMPORAL_ADDRESS is not set, and no program "temporal" is on the PATH or in ${cache}. ` +
      "Temporal's SDK could not download the dev server (name or service not known). Go could not build it: no program " +
      `"go" is on the PATH. Install Temporal's CLI or Go, or set TEMPORAL_ADDRESS to a running server.`,
  );
});

test("reports the last line of a failed Go build and leaves nothing in the cache", async () => {
  await program(path, "go", "echo 'go: no space left on device' >&2; exit 1");
  await expect(find()).rejects.toThrow("Go could not build it (exit code 1: go: no space left on device)");
  expect(await readdir(cache)).toEqual([]);
});

test("reports a cache that cannot be created", async () => {
  await writeFile(join(directory, "file"), "");
  await expect(find({ cache: join(directory, "file", "cache") })).rejects.toThrow("cannot be created");
});

test("Ctrl-C ends a build and its compilers", async () => {
  const compiler = join(directory, "compiler");
  await program(path, "go", `/bin/sleep 1000 & echo $! > ${compiler}; wait`);
  const interrupt = new AbortController();
  const found = find({ signal: interrupt.signal });
  const pid = () => Number(existsSync(compiler) ? readFileSync(compiler, "utf8") : 0);
  await expect.poll(pid).toBeGreaterThan(0);
  interrupt.abort(new Error("stopped"));
  await expect(found).rejects.toThrow("stopped");
  await expect.poll(() => isRunning(pid())).toBe(false);
});
