import { runService } from "@sagacart/chassis/main";
import { readConfig } from "./config.ts";
import { createHttpCarrier } from "./http-carrier.ts";
import { startShipping } from "./shipping.ts";

await runService({
  name: "shipping",
  readConfig,
  async start(context) {
    const { CARRIER_URL: url, CARRIER_API_KEY: apiKey } = context.config;
    return startShipping({ ...context, carrier: createHttpCarrier({ url, apiKey }) });
  },
});
