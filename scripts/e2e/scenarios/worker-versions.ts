import { existsSync } from "node:fs";
import { join } from "node:path";
import { cloneFolder } from "../clusters.ts";
import { run } from "../program.ts";
import { NotHere, type Scenario } from "../scenario.ts";

/** Three versions of the worker, whose workflow code does not fit together; a program of its own. */
export const workerVersions: Scenario = {
  name: "workers",
  promise: "orders end on the version of the worker that began them; a new one is gated, ramps and becomes current",
  async run({ shop, cluster, say, measured }) {
    const program = join(cloneFolder, "scripts/e2e/worker-versions.ts");
    if (!existsSync(program)) throw new NotHere("scripts/e2e/worker-versions.ts is not there");
    const args = [program, "--namespace", shop.namespace.name, "--release", shop.release];
    await run(process.execPath, args, {
      env: cluster.env,
      cwd: cloneFolder,
      timeoutMs: 2_400_000,
      onLine(line) {
        if (/^(PASS|FAIL|\s+-)/.test(line)) measured(line.trim());
        else say(line);
      },
    });
  },
};
