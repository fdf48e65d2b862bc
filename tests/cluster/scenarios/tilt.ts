import { runOwnProgram } from "../own-program.ts";
import type { Scenario } from "../scenario.ts";

/** A developer's inner loop; a program of its own. */
export const tilt: Scenario = {
  name: "tilt",
  promise: "`tilt ci` ends green from nothing; a changed line is live without an image build",
  run: (stage) => runOwnProgram(stage, "tests/cluster/tilt.ts"),
};
