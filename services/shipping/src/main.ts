import { createCommandOutbox } from "@sagacart/chassis/command-outbox";
import { createEventFeed } from "@sagacart/chassis/event-feed";
import { runService } from "@sagacart/chassis/main";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { readConfig } from "./config.ts";
import { createShipments } from "./create.ts";
import { shippingService } from "./service.ts";

await runService({
  name: "shipping",
  readConfig,
  async start({ config, pool, log }) {
    const outbox = { pool, url: config.DATABASE_URL, log };
    const feed = createEventFeed({ ...outbox, source: "/sagacart/shipping" });
    const commands = createCommandOutbox({ ...outbox, tracked: [] });
    return {
      routes(router) {
        router.service(ShippingService, shippingService({ pool, createShipments: createShipments({ pool, feed }) }));
        router.service(EventService, feed.service);
        router.service(CommandService, commands.service);
      },
      background: [feed, commands],
    };
  },
});
