import { ConfigError } from "@sagacart/chassis/process/config";
import { readConfig } from "./config.ts";
import { runWorker } from "./worker/run.ts";

try {
  await runWorker(readConfig(process.env), firstSignal());
  process.exit(0);
} catch (error) {
  const message = error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** SIGTERM or SIGINT; a second one ends the process at once. */
function firstSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let signals = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      signals++;
      if (signals > 1) {
        process.exit(1);
      }
      resolve();
    });
  }
  return promise;
}
