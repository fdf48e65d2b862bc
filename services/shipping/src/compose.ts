import type { ConnectRouter } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { Clock } from "@sagacart/chassis/time/clock";
import { createCommandOutbox } from "@sagacart/outbox/commands/outbox";
import { createEventFeed } from "@sagacart/outbox/events/feed";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { startAskingAgain } from "@sagacart/provider/asking-again";
import { claimJobs } from "./carrier/ask-store.ts";
import type { Carrier } from "./carrier/carrier.ts";
import { createCarrierInbox } from "./carrier/carrier-inbox.ts";
import { createCarrierQueue } from "./carrier/carrier-queue.ts";
import { measuredCarrier } from "./carrier/measured-carrier.ts";
import { startRecalling } from "./carrier/recalling.ts";
import type { Config } from "./config.ts";
import { cancelShipment } from "./shipments/cancel-shipment.ts";
import { createShipments } from "./shipments/create-shipments.ts";
import { createResults } from "./shipments/results.ts";
import { shippingService } from "./shipments/shipment-service.ts";

export type ShippingOptions = {
  config: Omit<Config, "CARRIER_URL" | "CARRIER_API_KEY">;
  pool: Pool;
  log: Log;
  clock: Clock;
  metrics: Metrics;
  carrier: Carrier;
};

/** Shipping's services, and what runs in its background. */
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
  const carrierQueue = createCarrierQueue({
    carrier,
    concurrency: config.CARRIER_CONCURRENCY,
    timeoutMs,
    log,
    writeLate: (results) => writeResults(results, { answering: false }),
  });
  const askingAgain = startAskingAgain({
    name: "carrier-asks",
    log,
    queue: carrierQueue,
    claim: (options) => claimJobs(pool, options),
    write: (results) => writeResults(results, { answering: false }),
    retryMs,
    timeoutMs,
  });
  const recalling = startRecalling({ pool, log, carrier, commands, retryMs, timeoutMs });
  const inbox = createCarrierInbox({ pool, log, clock, feed, commands, secrets: config.CARRIER_WEBHOOK_SECRET });
  const service = shippingService({
    pool,
    createShipments: createShipments({
      pool,
      feed,
      carrierQueue,
      writeResults,
      timeoutMs,
      batchMs: config.CARRIER_BATCH_MS,
    }),
    cancelShipment: cancelShipment({ pool, feed, commands, carrier, timeoutMs }),
    inbox,
  });
  return {
    routes(router) {
      router.service(ShippingService, service);
      feed.routes(router);
      router.service(CommandService, commands.service);
    },
    background: [feed, commands, carrierQueue, askingAgain, recalling, inbox],
  };
}
