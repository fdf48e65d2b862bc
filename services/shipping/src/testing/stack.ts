import { create } from "@bufbuild/protobuf";
import { type Client, type ConnectRouter, createClient } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createMetrics, type Metrics } from "@sagacart/chassis/process/metrics";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { systemClock } from "@sagacart/chassis/time/clock";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { type Address, AddressSchema } from "@sagacart/proto/type/v1/address";
import { startWebhookEntrance } from "@sagacart/provider/testing/webhook-entrance";
import type { Carrier } from "../carrier/carrier.ts";
import { startFakeCarrier } from "../carrier/fake/server.ts";
import type { CarrierShipment } from "../carrier/fake/shipment-store.ts";
import { createHttpCarrier } from "../carrier/http-carrier.ts";
import { startShipping } from "../compose.ts";
import { readConfig } from "../config.ts";

export const carrierSecrets = { apiKey: "carrier-key", webhookSecret: "carrier-secret" };

export type TestShipping = AsyncDisposable & {
  readonly routes: (router: ConnectRouter) => void;
  readonly shipping: Client<typeof ShippingService>;
  readonly events: Client<typeof EventService>;
  readonly consumers: Client<typeof ConsumerService>;
  readonly commands: Client<typeof CommandService>;
  readonly carrier: TestCarrier;
  readonly metrics: Metrics;
  readonly pool: Pool;
};

/** Starts shipping with a database of its own, a fake carrier on a real port, and short times. */
export async function startTestShipping(
  options: { env?: Record<string, string>; wrap?: (carrier: Carrier) => Carrier } = {},
): Promise<TestShipping> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase(new URL("../../migrations/", import.meta.url)));
  const webhooks = stack.use(await startWebhookEntrance("carrier"));
  const carrier = stack.use(await startTestCarrier(webhooks.url));
  const config = readConfig({ ...shippingEnv({ databaseUrl: database.url, carrierUrl: carrier.url }), ...options.env });
  const http = createHttpCarrier({ url: carrier.url, apiKey: carrierSecrets.apiKey });
  const metrics = createMetrics("shipping");
  const running = startShipping({
    config,
    pool: database.pool,
    log: silentLog,
    clock: systemClock,
    metrics,
    carrier: options.wrap?.(http) ?? http,
  });
  for (const part of running.background) {
    stack.use(part);
  }
  const transport = inMemory(running.routes, "shipping.sagacart");
  const shipping = createClient(ShippingService, transport);
  webhooks.open(shipping);
  return {
    routes: running.routes,
    shipping,
    events: createClient(EventService, transport),
    consumers: createClient(ConsumerService, transport),
    commands: createClient(CommandService, transport),
    carrier,
    metrics,
    pool: database.pool,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The variables of a shipping with short times. */
export function shippingEnv(urls: { databaseUrl: string; carrierUrl: string }): Record<string, string> {
  return {
    DATABASE_URL: urls.databaseUrl,
    // Nothing listens there: a test that needs a feed of orders starts one.
    ORDER_ADDRESS: "127.0.0.1:1",
    CARRIER_URL: urls.carrierUrl,
    CARRIER_API_KEY: carrierSecrets.apiKey,
    CARRIER_WEBHOOK_SECRET: carrierSecrets.webhookSecret,
    // Long: a test in which callers are told to wait makes it short.
    CARRIER_BATCH_MS: "60000",
    CARRIER_TIMEOUT_MS: "60000",
    CARRIER_RETRY_MS: "40",
    CARRIER_RECHECK_MS: "60000",
  };
}

export type TestCarrier = AsyncDisposable & {
  readonly url: string;
  /** Lists all shipments. */
  list(): Promise<CarrierShipment[]>;
  get(key: string): Promise<CarrierShipment | undefined>;
  dispatch(key: string): Promise<void>;
};

/** Starts a fake carrier on a free port. Overdue is 300 ms, slow 400, late 500. */
export async function startTestCarrier(webhookUrl: string): Promise<TestCarrier> {
  const fake = await startFakeCarrier({
    host: "127.0.0.1",
    port: 0,
    stateFile: ":memory:",
    apiKey: carrierSecrets.apiKey,
    webhookSecrets: [carrierSecrets.webhookSecret],
    webhookUrl,
    times: { overdueMs: 300, slowMs: 400, lateMs: 500 },
    log: silentLog,
  });
  const headers = { authorization: `Bearer ${carrierSecrets.apiKey}` };
  const list = async () => {
    const response = await fetch(`${fake.url}/shipments`, { headers });
    const { shipments } = (await response.json()) as { shipments: CarrierShipment[] };
    return shipments;
  };
  return {
    url: fake.url,
    list,
    get: async (key) => (await list()).find((shipment) => shipment.key === key),
    async dispatch(key) {
      await fetch(`${fake.url}/shipments/${key}/dispatch`, { method: "POST", headers });
    },
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

/** An address with this postal code, of five digits. */
export function addressTo(postalCode: string): Address {
  return create(AddressSchema, {
    recipient: "Ada Lovelace",
    line1: "Unter den Linden 6",
    city: "Berlin",
    postalCode,
    countryCode: "DE",
  });
}
