import { type Client, type ConnectRouter, createClient } from "@connectrpc/connect";
import { systemClock } from "@sagacart/chassis/clock";
import { createMetrics } from "@sagacart/chassis/metrics";
import type { Pool } from "@sagacart/chassis/postgres";
import { inMemory, silentLog, testDatabase } from "@sagacart/chassis/testing";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { readConfig } from "../config.ts";
import type { FaultTimes } from "../fake-provider/faults.ts";
import { createHttpProvider } from "../http-provider.ts";
import type { Provider } from "../provider.ts";
import { startPayment } from "../start.ts";
import { providerSecrets, startTestProvider, startWebhookEntrance, type TestProvider } from "./provider.ts";

/** Where the migrations are. */
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

/** Payment, with a database of its own and a card provider on a real port. Its times are short. */
export async function startTestPayment(
  options: { env?: Record<string, string>; times?: Partial<FaultTimes>; wrap?: (provider: Provider) => Provider } = {},
): Promise<TestPayment> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase(migrations));
  const webhooks = stack.use(await startWebhookEntrance());
  const provider = stack.use(await startTestProvider(webhooks.url, options.times));
  const config = readConfig({
    ...paymentEnv({ databaseUrl: database.url, providerUrl: provider.url }),
    ...options.env,
  });
  const http = createHttpProvider({ url: provider.url, apiKey: providerSecrets.apiKey });
  const running = startPayment({
    config,
    pool: database.pool,
    log: silentLog,
    clock: systemClock,
    metrics: createMetrics("payment"),
    provider: options.wrap?.(http) ?? http,
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

/** The variables of a payment whose times are short. */
export function paymentEnv(urls: { databaseUrl: string; providerUrl: string }): Record<string, string> {
  return {
    DATABASE_URL: urls.databaseUrl,
    PROVIDER_URL: urls.providerUrl,
    PROVIDER_API_KEY: providerSecrets.apiKey,
    PROVIDER_WEBHOOK_SECRET: providerSecrets.webhookSecret,
    // Long: a test that wants its callers to wait makes it short.
    PROVIDER_BATCH_MS: "60000",
    PROVIDER_TIMEOUT_MS: "60000",
    PROVIDER_RETRY_MS: "40",
    PROVIDER_RECHECK_MS: "60000",
  };
}
