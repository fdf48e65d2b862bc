import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { StartError } from "./start-error.ts";

const run = promisify(execFile);

/** The account that Postgres runs under; undefined: the current user. */
export type Account = { readonly name: string; readonly uid: number; readonly gid: number };

/**
 * Returns the account to run Postgres under. Postgres refuses to run as root, so root runs it as the account `postgres`,
 * created if missing; other users run it as themselves. Throws a StartError if that account cannot be used.
 */
export async function postgresAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const account = (await lookUp("postgres")) ?? (await create("postgres"));
  const probe = spawnSync("/bin/sh", ["-c", "exit 0"], { uid: account.uid, gid: account.gid });
  if (probe.error !== undefined) {
    throw new StartError(
      `Postgres refuses to run as root, and root cannot change to the account "${account.name}" here ` +
        `(${probe.error.message}). Start the shop as an ordinary user.`,
    );
  }
  return account;
}

/** Returns true if the account can enter the folder. Tries it, because a mode 0700 on any parent forbids it. */
export function canEnter(account: Account, directory: string): boolean {
  const { uid, gid } = account;
  return spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", directory], { uid, gid, stdio: "ignore", cwd: "/" }).status === 0;
}

async function lookUp(name: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, name])).stdout)),
    );
    return uid === undefined || gid === undefined ? undefined : { name, uid, gid };
  } catch {
    return undefined;
  }
}

// Alpine has no useradd, but BusyBox' adduser.
async function create(name: string): Promise<Account> {
  const attempts: [string, string[]][] = [
    [
      "useradd",
      ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh", name],
    ],
    ["adduser", ["-S", "-D", "-H", "-s", "/bin/sh", name]],
  ];
  const reasons: string[] = [];
  for (const [program, args] of attempts) {
    try {
      await run(program, args, { env: { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` } });
    } catch (error) {
      reasons.push(error instanceof Error ? (error.message.trim().split("\n").at(-1) ?? "") : String(error));
    }
    const account = await lookUp(name);
    if (account !== undefined) return account;
  }
  throw new StartError(
    `Postgres refuses to run as root, and the account "${name}" to run it as is missing and could not be created ` +
      `(${reasons.join("; ")}). Create it, or start the shop as an ordinary user.`,
  );
}
