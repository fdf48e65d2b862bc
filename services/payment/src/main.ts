import { runService } from "@sagacart/chassis/process/main";
import { polledServices } from "@sagacart/outbox/polled";
import { createHttpCardProvider } from "./card-provider/http-card-provider.ts";
import { startPayment } from "./compose.ts";
import { readConfig } from "./config.ts";
import { questions } from "./survey.ts";

await runService({
  name: "payment",
  subject: "order",
  polled: polledServices,
  readConfig,
  async start(context) {
    const { PROVIDER_URL: url, PROVIDER_API_KEY: apiKey } = context.config;
    const running = startPayment({ ...context, cardProvider: createHttpCardProvider({ url, apiKey }) });
    return { ...running, survey: questions };
  },
});
