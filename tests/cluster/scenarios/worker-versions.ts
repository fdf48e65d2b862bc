import { runOwnProgram } from "../own-program.ts";
import type { Scenario } from "../scenario.ts";

/** Three versions of the worker, whose workflow code does not fit together; a program of its own. */
export const workerVersions: Scenario = {
  name: "workers",
  promise: "orders end on the version of the worker that began them; a new one is gated, ramps and becomes current",
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
