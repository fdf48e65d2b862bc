import { runService } from "@sagacart/chassis/process/main";
import { polledServices } from "@sagacart/outbox/polled";
import { readConfig } from "./config.ts";
import { createHttpProvider } from "./http-provider.ts";
import { startPayment } from "./start.ts";
import { questions } from "./survey.ts";

await runService({
  name: "payment",
  subject: "order",
  polled: polledServices,
  readConfig,
  async start(context) {
    const { PROVIDER_URL: url, PROVIDER_API_KEY: apiKey } = context.config;
    const running = startPayment({ ...context, provider: createHttpProvider({ url, apiKey }) });
    return { ...running, survey: questions };
  },
});
