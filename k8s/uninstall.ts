import { openCluster } from "./install/cluster.ts";
import { createProgress, InstallError } from "./install/progress.ts";
import { readUninstallOptions, uninstall, uninstallUsage } from "./install/uninstall.ts";

// npm run cluster:uninstall: removes the shop's release, and waits until a new one can be installed. Databases stay.

try {
  const options = readUninstallOptions(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(uninstallUsage);
  } else {
    const progress = createProgress((line) => process.stdout.write(`${line}\n`));
    await uninstall({ cluster: await openCluster(options.context), options, progress });
  }
} catch (error) {
  const text = error instanceof InstallError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`\n${text}\n`);
  process.exitCode = 1;
}
