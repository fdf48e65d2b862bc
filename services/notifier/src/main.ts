import { createServiceClient, openChannel } from "@sagacart/chassis/client";
import { runService } from "@sagacart/chassis/main";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { readConfig } from "./config.ts";
import { startNotifier } from "./notifier.ts";

await runService({
  name: "notifier",
  readConfig,
  async start(context) {
    const channel = openChannel(context.config.ORDER_ADDRESS, { metrics: context.metrics });
    const events = createServiceClient(EventService, channel);
    const { routes, background } = await startNotifier({ ...context, events });
    const closing = { [Symbol.asyncDispose]: async () => channel.close() };
    return { routes, background: [closing, ...background] };
  },
});
