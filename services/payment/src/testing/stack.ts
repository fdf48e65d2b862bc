import { type Client, type ConnectRouter, createClient } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { systemClock } from "@sagacart/chassis/time/clock";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { startWebhookEntrance } from "@sagacart/provider/testing/webhook-entrance";
import type { CardProvider } from "../card-provider/card-provider.ts";
import type { FaultTimes } from "../card-provider/fake/faults.ts";
import { createHttpCardProvider } from "../card-provider/http-card-provider.ts";
import { startPayment } from "../compose.ts";
import { readConfig } from "../config.ts";
import { providerSecrets, startTestProvider, type TestProvider } from "./card-provider.ts";

/** Payment's migrations. */
export const migrations = new URL("../../migrations/", import.meta.url);

export type TestPayment = AsyncDisposable & {
  readonly routes: (router: ConnectRouter) => void;
  readonly accounts: Client<typeof AccountService>;
  readonly payments: Client<typeof PaymentService>;
  readonly events: Client<typeof EventService>;
  readonly commands: Client<typeof CommandService>;
  readonly provider: TestProvider;
  readonly pool: Pool;
};

/** Starts payment with a database of its own, a fake card provider on a real port, and short times. */
export async function startTestPayment(
  options: {
    env?: Record<string, string>;
    times?: Partial<FaultTimes>;
    wrap?: (provider: CardProvider) => CardProvider;
  } = {},
): Promise<TestPayment> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase(migrations));
  const webhooks = stack.use(await startWebhookEntrance("card"));
  const provider = stack.use(await startTestProvider(webhooks.url, options.times));
  const config = readConfig({
    ...paymentEnv({ databaseUrl: database.url, providerUrl: provider.url }),
    ...options.env,
  });
  const http = createHttpCardProvider({ url: provider.url, apiKey: providerSecrets.apiKey });
  const running = startPayment({
    config,
    pool: database.pool,
    log: silentLog,
    clock: systemClock,
    metrics: createMetrics("payment"),
    cardProvider: options.wrap?.(http) ?? http,
  });
  for (const part of running.background) {
    stack.use(part);
  }
  const transport = inMemory(running.routes, "payment.sagacart");
  const payments = createClient(PaymentService, transport);
  webhooks.open(payments);
  return {
    routes: running.routes,
    accounts: createClient(AccountService, transport),
    payments,
    events: createClient(EventService, transport),
    commands: createClient(CommandService, transport),
    provider,
    pool: database.pool,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The variables of a payment with short times. */
export function paymentEnv(urls: { databaseUrl: string; providerUrl: string }): Record<string, string> {
  return {
    DATABASE_URL: urls.databaseUrl,
    PROVIDER_URL: urls.providerUrl,
    PROVIDER_API_KEY: providerSecrets.apiKey,
    PROVIDER_WEBHOOK_SECRET: providerSecrets.webhookSecret,
    // Long: a test in which callers are told to wait makes it short.
    PROVIDER_BATCH_MS: "60000",
    PROVIDER_TIMEOUT_MS: "60000",
    PROVIDER_RETRY_MS: "40",
    PROVIDER_RECHECK_MS: "60000",
  };
}
