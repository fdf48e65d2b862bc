import type { Scenario } from "./scenario.ts";
import { autoscaling } from "./scenarios/autoscaling.ts";
import { databases } from "./scenarios/databases.ts";
import { deletions } from "./scenarios/deletions.ts";
import { install } from "./scenarios/install.ts";
import { manifests } from "./scenarios/manifests.ts";
import { network } from "./scenarios/network.ts";
import { ownPostgres } from "./scenarios/own-postgres.ts";
import { pages } from "./scenarios/pages.ts";
import { reinstall } from "./scenarios/reinstall.ts";
import { restart } from "./scenarios/restart.ts";
import { rolling } from "./scenarios/rolling.ts";
import { rotation } from "./scenarios/rotation.ts";
import { scale } from "./scenarios/scale.ts";
import { tilt } from "./scenarios/tilt.ts";
import { tls } from "./scenarios/tls.ts";
import { upgrade } from "./scenarios/upgrade.ts";
import { volume } from "./scenarios/volume.ts";
import { workerVersions } from "./scenarios/worker-versions.ts";

/** All scenarios in the order in which they run: those that change least come first. */
export const scenarios: readonly Scenario[] = [
  install,
  databases,
  network,
  scale,
  rolling,
  rotation,
  deletions,
  volume,
  restart,
  upgrade,
  reinstall,
  ownPostgres,
  manifests,
  tls,
  pages,
  autoscaling,
  workerVersions,
  tilt,
];
