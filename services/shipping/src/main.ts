import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { runService } from "@sagacart/chassis/process/main";
import { polledServices } from "@sagacart/outbox/polled";
import { startErasing } from "@sagacart/privacy/erasing";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { createHttpCarrier } from "./carrier/http-carrier.ts";
import { startShipping } from "./compose.ts";
import { readConfig } from "./config.ts";
import { startDeliveryLog } from "./delivery-log/delivery-log.ts";
import { questions } from "./survey.ts";

await runService({
  name: "shipping",
  subject: "order",
  polled: polledServices,
  readConfig,
  migrations: new URL("../migrations/", import.meta.url),
  callsServices: true,
  async start(context) {
    const { CARRIER_URL: url, CARRIER_API_KEY: apiKey, ORDER_ADDRESS } = context.config;
    const { routes, background } = startShipping({ ...context, carrier: createHttpCarrier({ url, apiKey }) });
    const order = openChannel(ORDER_ADDRESS, context);
    const deliveryLog = startDeliveryLog({
      ...context,
      events: createServiceClient(EventService, order),
      consumers: createServiceClient(ConsumerService, order),
    });
    const identity = openChannel(context.config.IDENTITY_ADDRESS, context);
    const erasing = startErasing({
      ...{ service: "shipping", pool: context.pool, log: context.log, channel: identity },
      settleMs: context.config.ERASURE_SETTLE_MS,
      after: ["order"],
    });
    const closing = {
      async [Symbol.asyncDispose]() {
        order.close();
        identity.close();
      },
    };
    return {
      routes: erasing.routes(routes),
      background: [closing, ...background, deliveryLog, ...erasing.background],
      survey: questions,
    };
  },
});
