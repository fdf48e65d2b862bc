import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, StartError } from "./start-error.ts";

export type FoundTemporal = { kind: "server"; address: string } | { kind: "program"; path: string; from: string };

export type FindOptions = {
  /** Used: TEMPORAL_ADDRESS, PATH, and Go's variables. */
  readonly env: NodeJS.ProcessEnv;
  /** The folder of downloaded and built programs; created if missing. */
  readonly cache: string;
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal;
  /** The SDK's own download; a test replaces it. */
  readonly download?: { command: string; args: readonly string[] };
};

/** The newest tag without a `replace` in its go.mod, which `go install` refuses. */
export const temporalVersion = "v1.5.1";

/**
 * Finds a Temporal server, or the program to start one, in this order: TEMPORAL_ADDRESS, `temporal` on the PATH, the
 * cache, the SDK's download into the cache, `go install` into the cache (2 to 3 minutes, with progress). Throws a
 * StartError that says what was tried and what helps.
 */
export async function findTemporal(options: FindOptions): Promise<FoundTemporal> {
  const { env, cache, log, signal } = options;
  if (env.TEMPORAL_ADDRESS) return { kind: "server", address: env.TEMPORAL_ADDRESS };
  const onPath = whichProgram("temporal", env);
  if (onPath !== undefined) return { kind: "program", path: onPath, from: "the PATH" };
  const cached = await cachedProgram(cache);
  if (cached !== undefined) return { kind: "program", path: cached, from: "the cache" };

  const failures: string[] = [];
  for (const attempt of [download, build]) {
    try {
      await makeCache(cache);
      return { kind: "program", ...(await attempt(options)) };
    } catch (error) {
      if (signal?.aborted) throw error;
      failures.push(messageOf(error));
      log(messageOf(error));
    }
  }
  throw new StartError(
    `Found no Temporal dev server: TEMPORAL_ADDRESS is not set, and no program "temporal" is on the PATH or in ` +
      `${cache}. ${failures.join(" ")} Install Temporal's CLI or Go, or set TEMPORAL_ADDRESS to a running server.`,
  );
}

/** Returns the program of this name that the shell would run. */
export function whichProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  for (const directory of (env.PATH ?? "").split(delimiter)) {
    const file = join(directory, name);
    try {
      if (directory === "" || !statSync(file).isFile()) continue;
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

async function makeCache(cache: string): Promise<void> {
  try {
    await mkdir(cache, { recursive: true });
  } catch (error) {
    throw new Error(`The cache ${cache} cannot be created: ${messageOf(error)}.`, { cause: error });
  }
}

const builtName = `temporal-${temporalVersion}`;
const downloadedName = /^temporal-sdk-typescript-[\d.]+$/;

async function cachedProgram(cache: string): Promise<string | undefined> {
  const names = await readdir(cache).catch(() => []);
  for (const name of names.filter((name) => name === builtName || downloadedName.test(name)).sort()) {
    const file = join(cache, name);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return file;
  }
  return undefined;
}

// Runs in a separate process that can be killed, because the SDK's download has no deadline. Gives up if nothing has
// arrived after ten seconds: behind a firewall that drops packets it would hang for minutes.
async function download(options: FindOptions): Promise<{ path: string; from: string }> {
  const { cache, log, signal } = options;
  const { command, args } = options.download ?? {
    command: process.execPath,
    args: [fileURLToPath(new URL("./temporal-download.ts", import.meta.url))],
  };
  log("Downloading Temporal's dev server with the SDK");
  const size = () => folderSize(cache);
  const before = await size();
  let waitedMs = 0;
  const how = await runWatched(command, [...args, cache], {
    env: options.env,
    signal,
    everyMs: 2_000,
    async watch() {
      waitedMs += 2_000;
      const received = (await size()) - before;
      if (received === 0 && waitedMs >= 10_000) return "stop";
      if (received > 0) log(`Downloading Temporal's dev server, ${Math.round(received / 1e6)} MB so far`);
      return "go on";
    },
  });
  const path = await cachedProgram(cache);
  if (how.end !== "exit code 0" || path === undefined) {
    throw new Error(`Temporal's SDK could not download the dev server (${how.lastLine || how.end}).`);
  }
  return { path, from: "the SDK's download" };
}

async function build(options: FindOptions): Promise<{ path: string; from: string }> {
  const { env, cache, log, signal } = options;
  const go = whichProgram("go", env);
  if (go === undefined) throw new Error('Go could not build it: no program "go" is on the PATH.');
  const binaries = await mkdtemp(join(cache, "go-install-"));
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  log(`Building Temporal's dev server ${temporalVersion} with Go (2 to 3 minutes, once)`);
  try {
    const how = await runWatched(go, ["install", `github.com/temporalio/cli/cmd/temporal@${temporalVersion}`], {
      env: { ...env, GOBIN: binaries },
      signal,
      everyMs: 5_000,
      watch: async (newLine) => {
        // Go reports downloads, and prints nothing while it compiles.
        const doing = newLine.startsWith("go: downloading") ? newLine.slice("go: ".length) : "compiling";
        log(`Building Temporal's dev server: ${doing}, ${seconds()} s so far`);
        return "go on";
      },
    });
    if (how.end !== "exit code 0") {
      throw new Error(`Go could not build it (${how.end}: ${how.lastLine}).`);
    }
    const path = join(cache, builtName);
    await rename(join(binaries, "temporal"), path);
    log(`Built Temporal's dev server in ${seconds()} s`);
    return { path, from: "go install" };
  } finally {
    await rm(binaries, { recursive: true, force: true });
  }
}

type Watched = {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
  readonly everyMs: number;
  /** Receives the last line since the previous call, or "". */
  watch(newLine: string): Promise<"go on" | "stop">;
};

/** Runs a program to its end, or until `watch` or the signal stops it together with its children. */
async function runWatched(command: string, args: readonly string[], options: Watched) {
  options.signal?.throwIfAborted();
  const { env, signal, everyMs, watch } = options;
  // A process group of its own: the compilers that `go` starts would outlive it.
  const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"], detached: true });
  let lastLine = "";
  let newLine = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    newLine = text.trim().split("\n").at(-1) ?? newLine;
    lastLine = newLine || lastLine;
  });
  const stop = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has already ended.
    }
  };
  signal?.addEventListener("abort", stop);
  const timer = setInterval(() => {
    const line = newLine;
    newLine = "";
    watch(line).then(
      (verdict) => (verdict === "stop" ? stop() : undefined),
      () => undefined, // an unreadable folder only costs a line of progress
    );
  }, everyMs);
  try {
    const end = await new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, killed) => resolve(killed === null ? `exit code ${code}` : "given up"));
    });
    signal?.throwIfAborted();
    return { end, lastLine };
  } finally {
    clearInterval(timer);
    signal?.removeEventListener("abort", stop);
  }
}

async function folderSize(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map((name) =>
    stat(join(directory, name)).then(
      (file) => (file.isFile() ? file.size : 0),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
