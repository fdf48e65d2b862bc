import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** Runs a program and shows what it says; throws when it fails. */
export async function run(program: string, args: readonly string[], cwd?: string): Promise<void> {
  const child = spawn(program, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", reject);
  child.once("close", resolve);
  const code = await promise;
  if (code !== 0) {
    throw new Error(`${program} ${args.slice(0, 2).join(" ")} … ended with ${code}`);
  }
}

/** What a program writes to its output, without spaces around it; throws when it fails. */
export async function output(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const { stdout } = await exec(program, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

/** Whether a program is there and ends well with these arguments. */
export async function works(program: string, args: readonly string[]): Promise<boolean> {
  return exec(program, args).then(
    () => true,
    () => false,
  );
}
