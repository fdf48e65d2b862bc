import { runService } from "@sagacart/chassis/process/main";
import { startStock } from "./compose.ts";
import { readConfig } from "./config.ts";
import { questions } from "./survey.ts";

await runService({
  name: "stock",
  subject: "order",
  readConfig,
  migrations: new URL("../migrations/", import.meta.url),
  async start({ config, pool, log, metrics }) {
    const running = startStock({ pool, log, metrics, expiryIntervalMs: config.EXPIRY_INTERVAL_MS });
    return { ...running, survey: questions };
  },
});
