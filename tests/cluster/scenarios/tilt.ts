import { runOwnProgram } from "../own-program.ts";
import type { Scenario } from "../scenario.ts";

/** The inner development loop, tested by a separate program. */
export const tilt: Scenario = {
  name: "tilt",
  promise: "`tilt ci` succeeds in an empty namespace; a changed line is live without an image build",
  run: (stage) => runOwnProgram(stage, "tests/cluster/tilt.ts"),
};
