import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { runService } from "@sagacart/chassis/process/main";
import { polledServices } from "@sagacart/outbox/polled";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { createCatalogue } from "./carts/catalogue.ts";
import { createServices } from "./compose.ts";
import { readConfig } from "./config.ts";
import { startOrderErasing } from "./erasure/erasing.ts";
import { questions } from "./survey.ts";

await runService({
  name: "order",
  subject: "order",
  polled: polledServices,
  readConfig,
  migrations: new URL("../migrations/", import.meta.url),
  callsServices: true,
  async start({ config, pool, log, metrics, tokens, tls }) {
    const stock = openChannel(config.STOCK_ADDRESS, { metrics, tokens, tls });
    const catalogue = createCatalogue(createServiceClient(ProductService, stock));
    const payment = openChannel(config.PAYMENT_ADDRESS, { metrics, tokens, tls });
    const { routes, background } = createServices({
      pool,
      url: config.DATABASE_URL,
      log,
      catalogue,
      metrics,
      payments: {
        events: createServiceClient(EventService, payment),
        consumers: createServiceClient(ConsumerService, payment),
      },
      idlePeriods: {
        expireAfterMs: config.CART_EXPIRE_AFTER,
        expireGuestsAfterMs: config.CART_EXPIRE_GUESTS_AFTER,
        remindBeforeMs: config.CART_REMIND_BEFORE,
      },
      unpaid: {
        payWithinMs: config.PAY_WITHIN_AT_MOST,
        orders: config.UNPAID_ORDERS_PER_CUSTOMER,
        units: config.UNPAID_UNITS_PER_CUSTOMER,
      },
      anonymous: {
        storagePerNetwork: {
          count: config.ANONYMOUS_WRITES_PER_NETWORK_AND_HOUR,
          amount: config.ANONYMOUS_BYTES_PER_NETWORK_AND_HOUR,
        },
        storage: { count: config.ANONYMOUS_WRITES_PER_HOUR, amount: config.ANONYMOUS_BYTES_PER_HOUR },
        unpaidPerNetwork: {
          count: config.ANONYMOUS_UNPAID_ORDERS_PER_NETWORK_AND_HOUR,
          amount: config.ANONYMOUS_UNPAID_UNITS_PER_NETWORK_AND_HOUR,
        },
      },
    });
    const identity = openChannel(config.IDENTITY_ADDRESS, { metrics, tokens, tls });
    const erasing = startOrderErasing({ pool, log, channel: identity, settleMs: config.ERASURE_SETTLE_MS });
    return {
      routes: erasing.routes(routes),
      background: [
        ...[stock, payment, identity].map((channel) => ({ [Symbol.asyncDispose]: async () => channel.close() })),
        ...background,
        ...erasing.background,
      ],
      survey: questions,
    };
  },
});
