import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { runService } from "@sagacart/chassis/process/main";
import { startErasing } from "@sagacart/privacy/erasing";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { startWebhooks } from "./channels/webhooks/webhooks.ts";
import { startNotifier } from "./compose.ts";
import { readConfig } from "./config.ts";
import { questions } from "./survey.ts";

await runService({
  name: "notifier",
  subject: "order",
  readConfig,
  migrations: new URL("../migrations/", import.meta.url),
  callsServices: true,
  async start(context) {
    const channel = openChannel(context.config.ORDER_ADDRESS, context);
    const events = createServiceClient(EventService, channel);
    const consumers = createServiceClient(ConsumerService, channel);
    const identity = openChannel(context.config.IDENTITY_ADDRESS, context);
    const users = {
      events: createServiceClient(EventService, identity),
      consumers: createServiceClient(ConsumerService, identity),
    };
    const notifier = await startNotifier({ ...context, events, consumers, users });
    const webhooks = startWebhooks({ ...context, events, consumers });
    const erasing = startErasing({
      ...{ service: "notifier", pool: context.pool, log: context.log, channel: identity },
      settleMs: context.config.ERASURE_SETTLE_MS,
      after: ["order"],
    });
    const closing = {
      async [Symbol.asyncDispose]() {
        channel.close();
        identity.close();
      },
    };
    return {
      routes: erasing.routes((router) => {
        notifier.routes(router);
        webhooks.routes(router);
      }),
      background: [closing, ...notifier.background, ...webhooks.background, ...erasing.background],
      survey: questions,
    };
  },
});
