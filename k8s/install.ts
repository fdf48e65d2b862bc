import { openCluster } from "./install/cluster.ts";
import { readOptions, usage } from "./install/options.ts";
import { createProgress, InstallError } from "./install/progress.ts";
import { runSteps } from "./install/steps.ts";

// npm run cluster:install: installs the operators, Temporal and the shop, in the order of their dependencies.

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(usage);
  } else {
    const progress = createProgress((line) => process.stdout.write(`${line}\n`));
    const cluster = await openCluster(options.context);
    progress.say(`profile ${options.profile}, context ${cluster.context}: ${options.steps.join(", ")}`);
    await runSteps({ cluster, options, progress });
    progress.say("done");
  }
} catch (error) {
  const text = error instanceof InstallError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`\n${text}\n`);
  process.exitCode = 1;
}
