import { openChannel } from "@sagacart/chassis/client/client";
import { runService } from "@sagacart/chassis/process/main";
import { polledServices } from "@sagacart/outbox/polled";
import { createHttpCardProvider } from "./card-provider/http-card-provider.ts";
import { startPayment } from "./compose.ts";
import { readConfig } from "./config.ts";
import { startPaymentErasing } from "./erasing.ts";
import { questions } from "./survey.ts";

await runService({
  name: "payment",
  subject: "order",
  polled: polledServices,
  readConfig,
  migrations: new URL("../migrations/", import.meta.url),
  callsServices: true,
  async start(context) {
    const { PROVIDER_URL: url, PROVIDER_API_KEY: apiKey } = context.config;
    const { routes, background } = startPayment({ ...context, cardProvider: createHttpCardProvider({ url, apiKey }) });
    const identity = openChannel(context.config.IDENTITY_ADDRESS, context);
    const erasing = startPaymentErasing({
      ...{ pool: context.pool, log: context.log, channel: identity },
      settleMs: context.config.ERASURE_SETTLE_MS,
    });
    const closing = { [Symbol.asyncDispose]: async () => identity.close() };
    return {
      routes: erasing.routes(routes),
      background: [closing, ...background, ...erasing.background],
      survey: questions,
    };
  },
});
