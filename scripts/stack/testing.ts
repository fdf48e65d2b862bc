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
 * Runs a module in a Node of its own, as somebody who can be killed. The module calls `tell(text)` when it is where
 * the test wants it.
 */
export async function elsewhere(
  module: string,
): Promise<{ told: string; pid: number; end(signal: NodeJS.Signals): Promise<void> }> {
  const tell = "const tell = (text) => console.log(text); setInterval(() => {}, 60_000);\n";
  const child = spawn(process.execPath, ["--input-type=module", "-e", tell + module], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const told = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", resolve);
    child.once("exit", (code) => reject(new Error(`ended with ${code} before it told anything`)));
  });
  return {
    told: told.trim(),
    pid: child.pid!,
    async end(signal) {
      child.kill(signal);
      await ended;
    },
  };
}
