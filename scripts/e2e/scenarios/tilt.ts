import { existsSync } from "node:fs";
import { join } from "node:path";
import { cloneFolder } from "../clusters.ts";
import { run } from "../program.ts";
import { NotHere, type Scenario } from "../scenario.ts";

/** A developer's inner loop; a program of its own. */
export const tilt: Scenario = {
  name: "tilt",
  promise: "`tilt ci` ends green from nothing; a changed line is live without an image build",
  async run({ cluster, say, measured }) {
    const program = ["scripts/e2e/tilt.ts", "scripts/e2e/tilt/main.ts"]
      .map((file) => join(cloneFolder, file))
      .find(existsSync);
    if (program === undefined) throw new NotHere("scripts/e2e/tilt.ts is not there");
    await run(process.execPath, [program], {
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
