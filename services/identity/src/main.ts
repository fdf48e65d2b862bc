import { runService } from "@sagacart/chassis/process/main";
import { polledServices } from "@sagacart/outbox/polled";
import { startIdentity } from "./compose.ts";
import { readConfig } from "./config.ts";

await runService({
  name: "identity",
  polled: polledServices,
  readConfig,
  migrations: new URL("../migrations/", import.meta.url),
  start: startIdentity,
});
