import { execFileSync, spawn } from "node:child_process";

/** Returns true if a process exists and is not a zombie. */
export function isRunning(pid: number): boolean {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).startsWith("Z");
  } catch {
    return false;
  }
}

/**
 * Runs a module in a separate Node process, which the test can kill. The module calls `report(text)` once it has reached
 * the point that the test needs.
 */
export async function runInProcess(
  module: string,
): Promise<{ output: string; pid: number; end(signal: NodeJS.Signals): Promise<void> }> {
  const report = "const report = (text) => console.log(text); setInterval(() => {}, 60_000);\n";
  const child = spawn(process.execPath, ["--input-type=module", "-e", report + module], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const output = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", resolve);
    child.once("exit", (code) => reject(new Error(`ended with ${code} before it reported anything`)));
  });
  return {
    output: output.trim(),
    pid: child.pid!,
    async end(signal) {
      child.kill(signal);
      await ended;
    },
  };
}
