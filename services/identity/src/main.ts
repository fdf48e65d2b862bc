import { runService } from "@sagacart/chassis/process/main";
import { readConfig } from "./config.ts";
import { startIdentity } from "./identity.ts";

await runService({ name: "identity", readConfig, start: startIdentity });
