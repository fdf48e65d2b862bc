import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Account } from "./account.ts";
import { type PostgresPrograms, sharedDirectory } from "./postgres-programs.ts";
import { endOf } from "./process-end.ts";
import { messageOf, StartError } from "./start-error.ts";

export type Cluster = {
  readonly dataDirectory: string;
  readonly account: Account | undefined;
  readonly programs: PostgresPrograms;
  readonly logFile: string;
};

/** Holds the superuser's password, in the data directory: it is removed with the data, and only the owner can read it. */
export const passwordFile = "sagacart-password";

/** Creates the cluster in a temporary folder and renames it, so that an existing one is always complete. */
export async function initialise(cluster: Cluster, { sync }: { sync: boolean }): Promise<void> {
  const { account, dataDirectory, programs } = cluster;
  const unfinished = `${dataDirectory}.new`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await chmod(unfinished, 0o700);
    if (account !== undefined) {
      await chown(unfinished, account.uid, account.gid);
      if (unfinished.startsWith(`${sharedDirectory}/`)) await chmod(dirname(unfinished), 0o755);
    }
    const password = randomBytes(18).toString("base64url");
    const passwords = `${unfinished}.password`;
    await writeFile(passwords, password, { mode: 0o600 });
    if (account !== undefined) await chown(passwords, account.uid, account.gid);
    await runInitdb(programs.initdb, account, [
      `--pgdata=${unfinished}`,
      "--username=postgres",
      `--pwfile=${passwords}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      // The same collation on every machine, independent of the system's locales.
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      ...(sync ? [] : ["--no-sync"]),
    ]);
    await rename(passwords, join(unfinished, passwordFile));
    await rename(unfinished, dataDirectory);
  } catch (cause) {
    throw new StartError(`The Postgres cluster in ${dataDirectory} could not be created: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function runInitdb(program: string, account: Account | undefined, args: string[]): Promise<void> {
  const child = spawn(program, args, { ...runAs(account), stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const how = await endOf(child);
  if (how !== "exit code 0")
    throw new Error(`initdb ended with ${how}. ${complaint.trim().split("\n").slice(-4).join(" ")}`);
}

/**
 * Ends a server that still runs on this cluster because its parent and the guard were killed. Removes the postmaster.pid
 * that a machine crash leaves behind: Postgres refuses to start while any process has that process id.
 */
export async function endLeftover({ dataDirectory }: Cluster, log: (line: string) => void): Promise<void> {
  const file = join(dataDirectory, "postmaster.pid");
  const pid = Number((await readFile(file, "utf8").catch(() => "")).split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  if (!(await isPostmaster(pid, dataDirectory))) return rm(file, { force: true });
  log(`Ending a leftover Postgres (process ${pid})`);
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    for (let waited = 0; waited < 10_000; waited += 50) {
      if (!(await isPostmaster(pid, dataDirectory))) return;
      await sleep(50);
    }
  }
}

async function isPostmaster(pid: number, dataDirectory: string): Promise<boolean> {
  const file = existsSync("/proc/self/cmdline") ? `/proc/${pid}/cmdline` : undefined;
  const command =
    file !== undefined ? (await readFile(file, "utf8").catch(() => "")).replaceAll("\0", " ") : await commandByPs(pid);
  return command.includes("postgres") && command.includes(`-D ${dataDirectory} `);
}

async function commandByPs(pid: number): Promise<string> {
  const child = spawn("ps", ["-o", "command=", "-p", String(pid)], { stdio: ["ignore", "pipe", "ignore"] });
  let command = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    command += text;
  });
  await endOf(child);
  return command;
}

/** Returns the spawn options of the cluster's programs. */
export function runAs(account: Account | undefined) {
  // Keep the user's PGDATA, PGPORT and LC_ALL away from Postgres.
  const base = { detached: true, cwd: "/", env: { PATH: process.env.PATH, TZ: "UTC", LC_ALL: "C" } };
  return account === undefined ? base : { ...base, uid: account.uid, gid: account.gid };
}
