import { runService } from "@sagacart/chassis/main";
import { readConfig } from "./config.ts";
import { startStock } from "./stock.ts";

await runService({
  name: "stock",
  readConfig,
  async start({ config, pool, log }) {
    return startStock({ pool, log, expiryIntervalMs: config.EXPIRY_INTERVAL_MS });
  },
});
