import { type Client, type ConnectRouter, createClient } from "@connectrpc/connect";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { readEnv } from "@sagacart/chassis/process/config";
import { createMetrics, type Metrics } from "@sagacart/chassis/process/metrics";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import type { NewEvent } from "@sagacart/outbox/events/append";
import { startTestFeed } from "@sagacart/outbox/testing/test-feed";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import type { WebhookEndpoint_ContentMode as ContentMode } from "@sagacart/proto/notifier/v1/webhook";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { webhookEnv } from "../config.ts";
import { startWebhooks } from "../webhooks.ts";
import type { Receiver } from "./receiver.ts";

export type Feed = AsyncDisposable & {
  /** `host:port` of the feed. */
  readonly address: string;
  /** Publishes events of orders; sequences start at 1. */
  publish(events: readonly Omit<NewEvent, "data">[]): Promise<void>;
};

/** Starts a feed of orders like order's, with its own database and port. */
export async function startFeed(): Promise<Feed> {
  const feed = await startTestFeed("/sagacart/order");
  return {
    address: feed.address,
    publish: (events) =>
      feed.publish(events.map((event) => ({ ...event, data: { orderId: event.subject, customerId: "ada" } }))),
    [Symbol.asyncDispose]: () => feed[Symbol.asyncDispose](),
  };
}

export const types = ["created", "reserved", "paid", "shipping", "completed"].map(
  (name) => `sagacart.order.${name}.v1`,
);

/** Returns the first `count` events of each of these orders, interleaved and each order's in sequence. */
export function eventsOf(orders: readonly string[], count = types.length): Omit<NewEvent, "data">[] {
  return types
    .slice(0, count)
    .flatMap((type, index) => orders.map((subject) => ({ subject, sequence: index + 1, type })));
}

export type Sender = AsyncDisposable & {
  readonly routes: (router: ConnectRouter) => void;
  readonly client: Client<typeof WebhookService>;
  /** The consumers of the feed of orders. */
  readonly consumers: Client<typeof ConsumerService>;
  readonly metrics: Metrics;
  readonly pool: Pool;
};

export function webhookDatabase(): Promise<TestDatabase> {
  return testDatabase(new URL("../../../../migrations/", import.meta.url));
}

/** Short pauses between attempts, ample time for answers, and loopback allowed. */
export const quick = {
  WEBHOOK_ALLOW_HTTP: "true",
  WEBHOOK_ALLOW_NETWORKS: "127.0.0.0/8",
  WEBHOOK_TIMEOUT_MS: "60000",
  WEBHOOK_RETRY_MS: "40",
  WEBHOOK_CIRCUIT_PAUSE_MS: "60",
};

/** Starts webhooks as the notifier does. */
export async function startSender(options: {
  feed: Feed;
  database: TestDatabase;
  env?: Record<string, string>;
}): Promise<Sender> {
  const stack = new AsyncDisposableStack();
  const channel = stack.use(openChannel(options.feed.address));
  const { url, pool } = options.database;
  const metrics = createMetrics("notifier");
  const config = { ...readEnv(webhookEnv, { ...quick, ...options.env }), DATABASE_URL: url };
  const events = createServiceClient(EventService, channel);
  const consumers = createServiceClient(ConsumerService, channel);
  const running = startWebhooks({ config, pool, log: silentLog, metrics, events, consumers });
  for (const part of running.background) {
    stack.use(part);
  }
  return {
    routes: running.routes,
    client: createClient(WebhookService, inMemory(running.routes, "notifier.sagacart")),
    consumers,
    metrics,
    pool,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Registers the receiver and gives it the secret. Returns the endpoint's id. */
export async function register(
  { client }: Pick<Sender, "client">,
  receiver: Receiver,
  endpoint: { id?: string; url?: string; eventTypes?: string[]; contentMode?: ContentMode } = {},
): Promise<string> {
  const answer = await client.createWebhookEndpoint({
    endpoint: { url: receiver.url, eventTypes: ["sagacart.order.*"], ...endpoint },
  });
  receiver.secret = answer.secret;
  return answer.endpoint?.id ?? "";
}
