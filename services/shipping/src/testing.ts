import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { type Client, type ConnectRouter, createClient } from "@connectrpc/connect";
import { systemClock } from "@sagacart/chassis/clock";
import { createMetrics, type Metrics } from "@sagacart/chassis/metrics";
import type { Pool } from "@sagacart/chassis/postgres";
import { inMemory, silentLog, testDatabase } from "@sagacart/chassis/testing";
import { signatureHeader } from "@sagacart/chassis/webhook-signature";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { type Address, AddressSchema } from "@sagacart/proto/type/v1/address";
import type { Carrier } from "./carrier.ts";
import { readConfig } from "./config.ts";
import { startFakeCarrier } from "./fake-carrier/start.ts";
import type { CarrierShipment } from "./fake-carrier/store.ts";
import { createHttpCarrier } from "./http-carrier.ts";
import { startShipping } from "./shipping.ts";

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

/** Shipping, with a database of its own and a carrier on a real port. Its times are short. */
export async function startTestShipping(
  options: { env?: Record<string, string>; wrap?: (carrier: Carrier) => Carrier } = {},
): Promise<TestShipping> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase(new URL("../migrations/", import.meta.url)));
  const webhooks = stack.use(await startWebhookEntrance());
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

/** The variables of a shipping whose times are short. */
export function shippingEnv(urls: { databaseUrl: string; carrierUrl: string }): Record<string, string> {
  return {
    DATABASE_URL: urls.databaseUrl,
    // Nobody is there: a test that wants a feed of orders has one.
    ORDER_ADDRESS: "127.0.0.1:1",
    CARRIER_URL: urls.carrierUrl,
    CARRIER_API_KEY: carrierSecrets.apiKey,
    CARRIER_WEBHOOK_SECRET: carrierSecrets.webhookSecret,
    // Long: a test that wants its callers to wait makes it short.
    CARRIER_BATCH_MS: "60000",
    CARRIER_TIMEOUT_MS: "60000",
    CARRIER_RETRY_MS: "40",
    CARRIER_RECHECK_MS: "60000",
  };
}

export type TestCarrier = AsyncDisposable & {
  readonly url: string;
  /** All shipments that it knows. */
  list(): Promise<CarrierShipment[]>;
  get(key: string): Promise<CarrierShipment | undefined>;
  dispatch(key: string): Promise<void>;
};

/** A carrier on a free port. Overdue is 300 ms, slow 400, late 500. */
export async function startTestCarrier(webhookUrl: string): Promise<TestCarrier> {
  const fake = await startFakeCarrier({
    host: "127.0.0.1",
    port: 0,
    stateFile: ":memory:",
    ...carrierSecrets,
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

/** What the gateway does with a webhook: hands it over as it is. */
export async function startWebhookEntrance(): Promise<
  AsyncDisposable & {
    readonly url: string;
    open(shipping: Pick<Client<typeof ShippingService>, "receiveWebhook">): void;
  }
> {
  const { promise, resolve: open } = Promise.withResolvers<Pick<Client<typeof ShippingService>, "receiveWebhook">>();
  const receive = async (request: IncomingMessage) => {
    const shipping = await promise;
    const body = Buffer.concat(await request.toArray());
    const signature = String(request.headers[signatureHeader]);
    await shipping.receiveWebhook({ provider: "carrier", body, signature });
  };
  // It fails where shipping is down, and where the carrier goes in the middle of its request.
  const server = createServer((request, response) => {
    receive(request).then(
      () => response.writeHead(204).end(),
      () => response.writeHead(503).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    open,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** An address to which this postal code brings the shipment. */
export function addressTo(postalCode: string): Address {
  return create(AddressSchema, {
    recipient: "Ada Lovelace",
    line1: "12 St James's Square",
    city: "London",
    postalCode,
    countryCode: "GB",
  });
}
