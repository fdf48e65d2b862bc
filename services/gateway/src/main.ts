import { runRest } from "@sagacart/rest/run";
import { compose } from "./compose.ts";
import { readConfig } from "./config.ts";

await runRest({ name: "gateway", readConfig, compose });
