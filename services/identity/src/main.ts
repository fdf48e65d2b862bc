import { runService } from "@sagacart/chassis/process/main";
import { startIdentity } from "./compose.ts";
import { readConfig } from "./config.ts";

await runService({ name: "identity", readConfig, start: startIdentity });
