import { createServiceClient, openChannel } from "@sagacart/chassis/client";
import { createCommandOutbox } from "@sagacart/chassis/command-outbox";
import { createEventFeed } from "@sagacart/chassis/event-feed";
import { runService } from "@sagacart/chassis/main";
import { createWake } from "@sagacart/chassis/wake";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { createCartService } from "./cart-service.ts";
import { createCatalogue } from "./catalogue.ts";
import { createCheckout } from "./checkout.ts";
import { readConfig } from "./config.ts";
import { createIncidentService } from "./incident-service.ts";
import { createOrderService } from "./order-service.ts";
import { createSagaService } from "./saga-service.ts";
import { carrierKinds } from "./saga-store.ts";
import { listStanding, restartStanding } from "./standing-store.ts";
import { createWaiters } from "./waiters.ts";

await runService({
  name: "order",
  readConfig,
  async start({ config, pool, log, metrics }) {
    const url = config.DATABASE_URL;
    const channel = openChannel(config.STOCK_ADDRESS, { metrics });
    const catalogue = createCatalogue(createServiceClient(ProductService, channel));
    const feed = createEventFeed({ pool, url, source: "/sagacart/order", log });
    const standing = { list: listStanding, restart: restartStanding };
    const commands = createCommandOutbox({ pool, url, log, tracked: carrierKinds, standing });
    const wake = createWake({ url, channel: "orders_changed", log });
    const waiters = createWaiters(pool, wake);
    const commanded = () => commands.notify();
    const recorded = () => {
      feed.notify();
      commanded();
    };
    const checkout = createCheckout({ pool, catalogue, recorded });
    const saga = createSagaService({
      pool,
      commanded,
      changed(orders) {
        waiters.changed(orders);
        feed.notify();
      },
    });
    return {
      routes(router) {
        router.service(OrderService, createOrderService({ pool, checkout, waiters, recorded }));
        router.service(CartService, createCartService({ pool, catalogue }));
        router.service(IncidentService, createIncidentService({ pool, commanded }));
        router.service(SagaService, saga);
        router.service(CommandService, commands.service);
        router.service(EventService, feed.service);
      },
      background: [
        channelEnd(channel),
        wake,
        commands,
        feed,
        { [Symbol.asyncDispose]: async () => waiters[Symbol.dispose]() },
      ],
    };
  },
});

function channelEnd(channel: Disposable): AsyncDisposable {
  return { [Symbol.asyncDispose]: async () => channel[Symbol.dispose]() };
}
