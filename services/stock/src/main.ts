import { runService } from "@sagacart/chassis/main";
import { readConfig } from "./config.ts";
import { startStock } from "./stock.ts";

await runService({
  name: "stock",
  readConfig,
  async start({ config, pool, log, metrics }) {
    return startStock({ pool, log, metrics, expiryIntervalMs: config.EXPIRY_INTERVAL_MS });
  },
});
