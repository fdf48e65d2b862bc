import type { ConnectRouter } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import type { Clock } from "@sagacart/chassis/time/clock";
import { createCommandOutbox } from "@sagacart/outbox/commands/outbox";
import { createEventFeed } from "@sagacart/outbox/events/feed";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { startAsking, startRecalling } from "./carrier/asking.ts";
import type { Carrier } from "./carrier/carrier.ts";
import { createInbox } from "./carrier/inbox.ts";
import { measuredCarrier } from "./carrier/measured-carrier.ts";
import { createDesk } from "./carrier/provider-queue.ts";
import type { Config } from "./config.ts";
import { cancelShipment } from "./shipments/cancel-shipment.ts";
import { createShipments } from "./shipments/create-shipments.ts";
import { createResults, type Result } from "./shipments/results.ts";
import { shippingService } from "./shipments/shipment-service.ts";

export type ShippingOptions = {
  config: Omit<Config, "CARRIER_URL" | "CARRIER_API_KEY">;
  pool: Pool;
  log: Log;
  clock: Clock;
  metrics: Metrics;
  carrier: Carrier;
};

/** Shipping with all that runs in its background. */
export function startShipping({ config, pool, log, clock, metrics, carrier: unmeasured }: ShippingOptions): {
  routes(router: ConnectRouter): void;
  background: AsyncDisposable[];
} {
  const carrier = measuredCarrier(unmeasured, metrics);
  const outbox = { pool, url: config.DATABASE_URL, log };
  const feed = createEventFeed({ ...outbox, source: "/sagacart/shipping", metrics });
  const commands = createCommandOutbox({ ...outbox, tracked: [] });
  const retryMs = config.CARRIER_RETRY_MS;
  const timeoutMs = config.CARRIER_TIMEOUT_MS;
  const writeResults = createResults({ pool, feed, commands, retryMs, recheckMs: config.CARRIER_RECHECK_MS });
  const writeLate = coalesce<Result, void>({
    name: "write late results",
    maxItems: 500,
    maxConcurrent: 1,
    async run(results) {
      await writeResults(results, { answering: false });
      return results.map(() => undefined);
    },
  });
  const desk = createDesk({
    carrier,
    concurrency: config.CARRIER_CONCURRENCY,
    timeoutMs,
    log,
    late: (result) =>
      writeLate(result).catch((error) => {
        log.error(
          { error, orderId: result.orderId },
          "what the carrier said late could not be written; it is asked again",
        );
      }),
  });
  const inbox = createInbox({ pool, log, clock, feed, commands, secret: config.CARRIER_WEBHOOK_SECRET });
  const background = { pool, log, desk, carrier, writeResults, retryMs, timeoutMs };
  const service = shippingService({
    pool,
    createShipments: createShipments({ pool, feed, desk, writeResults, timeoutMs, batchMs: config.CARRIER_BATCH_MS }),
    cancelShipment: cancelShipment({ pool, feed, commands, carrier, timeoutMs }),
    inbox,
  });
  return {
    routes(router) {
      router.service(ShippingService, service);
      feed.routes(router);
      router.service(CommandService, commands.service);
    },
    background: [feed, commands, desk, startAsking(background), startRecalling(background), inbox],
  };
}
