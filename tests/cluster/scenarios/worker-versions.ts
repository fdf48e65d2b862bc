import { runOwnProgram } from "../own-program.ts";
import type { Scenario } from "../scenario.ts";

/** Three versions of the worker with incompatible workflow code, tested by a separate program. */
export const workerVersions: Scenario = {
  name: "workers",
  promise: "orders end on the worker version that began them; a new version is gated, ramps and becomes current",
  run(stage) {
    const { namespace, release } = stage.shop;
    return runOwnProgram(stage, "tests/cluster/worker-versions.ts", [
      "--namespace",
      namespace.name,
      "--release",
      release,
    ]);
  },
};
