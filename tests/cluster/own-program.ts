import { join } from "node:path";
import { cloneFolder } from "../../scripts/clone.ts";
import { run } from "../../scripts/program.ts";
import type { Stage } from "./scenario.ts";

/** Runs a scenario that is a separate program, and takes its PASS, FAIL and `  - ` lines as measurements. */
export async function runOwnProgram(
  { cluster, say, measured }: Stage,
  program: string,
  args: readonly string[] = [],
): Promise<void> {
  await run(process.execPath, [join(cloneFolder, program), ...args], {
    env: cluster.env,
    cwd: cloneFolder,
    timeoutMs: 2_400_000,
    onLine(line) {
      if (/^(PASS|FAIL|\s+-)/.test(line)) measured(line.trim());
      else say(line);
    },
  });
}
