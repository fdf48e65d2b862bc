import { openCluster } from "./install/cluster.ts";
import type { Context } from "./install/context.ts";
import { backups, certManager, cloudNativePg, metricsServer, workerController } from "./install/operators.ts";
import { readOptions, type StepName, usage } from "./install/options.ts";
import { createProgress, InstallError } from "./install/progress.ts";
import { secrets } from "./install/secrets.ts";
import { shop } from "./install/shop.ts";
import { temporal } from "./install/temporal.ts";

// npm run cluster:install: installs the operators, Temporal and the shop, in the order of their dependencies.

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

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(usage);
  } else {
    const progress = createProgress((line) => process.stdout.write(`${line}\n`));
    const cluster = await openCluster(options.context);
    progress.say(`profile ${options.profile}, context ${cluster.context}: ${options.steps.join(", ")}`);
    for (const name of options.steps) {
      await steps[name]({ cluster, options, progress });
    }
    progress.say("done");
  }
} catch (error) {
  const text = error instanceof InstallError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`\n${text}\n`);
  process.exitCode = 1;
}
