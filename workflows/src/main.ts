import { firstSignal } from "@sagacart/chassis/process/signals";
import { explainStartFailure } from "@sagacart/chassis/process/start-failure";
import { readConfig } from "./config.ts";
import { runWorker } from "./worker/run.ts";

try {
  await runWorker(readConfig(process.env), firstSignal());
  process.exit(0);
} catch (error) {
  process.stderr.write(`${explainStartFailure(error)}\n`);
  process.exit(1);
}
