import { getCACertificates } from "node:tls";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { forgetOldRequests } from "@sagacart/chassis/postgres/request-retention";
import { createWake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import type { WebhookConfig } from "./config.ts";
import { createHostResolver } from "./host-resolver.ts";
import { startHousekeeping } from "./housekeeping.ts";
import { createMeters } from "./meters.ts";
import { createPoster } from "./post.ts";
import { startReading } from "./read-feed.ts";
import { startSending } from "./sending.ts";
import { webhookService } from "./webhook-service.ts";

export type WebhooksOptions = {
  config: WebhookConfig & { readonly DATABASE_URL: string };
  pool: Pool;
  log: Log;
  metrics: Metrics;
  /** The feed of orders. */
  events: Client<typeof EventService>;
  /** Receives the position up to which the feed was read. */
  consumers: Client<typeof ConsumerService>;
};

/** Starts webhooks: wires the RPC handlers and the background loops. */
export function startWebhooks({ config, pool, log, metrics, events, consumers }: WebhooksOptions): {
  routes(router: ConnectRouter): void;
  background: AsyncDisposable[];
} {
  const { WEBHOOK_ALLOW_NETWORKS: allowedNetworks, WEBHOOK_DNS_SERVERS: dnsServers } = config;
  const { WEBHOOK_TIMEOUT_MS: timeoutMs, WEBHOOK_CA: authority } = config;
  const hosts = createHostResolver({ allowedNetworks, dnsServers });
  const ca = authority === undefined ? undefined : [...getCACertificates(), authority];
  const poster = createPoster({ hosts, ca });
  const wake = createWake({ url: config.DATABASE_URL, channel: "webhooks_recorded", log });
  const onDeliveries = () => wake.wake();
  const meters = createMeters({ metrics, pool, log });
  const reading = startReading({ pool, log, events, consumers, onDeliveries });
  const sending = startSending({
    pool,
    log,
    meters,
    poster,
    wake,
    timeoutMs,
    retryMs: config.WEBHOOK_RETRY_MS,
    giveUpMs: config.WEBHOOK_GIVE_UP_MS,
    concurrency: config.WEBHOOK_CONCURRENCY,
    concurrencyPerEndpoint: config.WEBHOOK_CONCURRENCY_PER_ENDPOINT,
    circuit: {
      failures: config.WEBHOOK_CIRCUIT_FAILURES,
      pauseMs: config.WEBHOOK_CIRCUIT_PAUSE_MS,
      disableDays: config.WEBHOOK_DISABLE_DAYS,
    },
  });
  const housekeeping = startHousekeeping({ pool, log, meters, keepDays: config.WEBHOOK_KEEP_DAYS });
  const forgetting = forgetOldRequests({ pool, log });
  const urlRules = { allowHttp: config.WEBHOOK_ALLOW_HTTP, hosts };
  const closing = { [Symbol.asyncDispose]: async () => poster[Symbol.dispose]() };
  return {
    routes(router) {
      router.service(WebhookService, webhookService({ pool, poster, urlRules, timeoutMs, onDeliveries }));
    },
    background: [closing, wake, sending, housekeeping, forgetting, reading],
  };
}
