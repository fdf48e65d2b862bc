import type { Context } from "./context.ts";
import { backups, certManager, cloudNativePg, metricsServer, workerController } from "./operators.ts";
import type { StepName } from "./options.ts";
import { secrets } from "./secrets.ts";
import { shop } from "./shop.ts";
import { temporal } from "./temporal.ts";

const steps: Readonly<Record<StepName, (context: Context) => Promise<void>>> = {
  "cert-manager": certManager,
  "cloudnative-pg": cloudNativePg,
  backups,
  "worker-controller": workerController,
  "metrics-server": metricsServer,
  temporal,
  secrets,
  shop,
};

/** Runs the steps that the options name, in the order of their dependencies. Ends at the first that fails. */
export async function runSteps(context: Context): Promise<void> {
  for (const name of context.options.steps) {
    await steps[name](context);
  }
}
