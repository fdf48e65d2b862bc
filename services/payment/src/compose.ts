import type { ConnectRouter } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { forgetOldRequests } from "@sagacart/chassis/postgres/request-retention";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { Clock } from "@sagacart/chassis/time/clock";
import { createCommandOutbox } from "@sagacart/outbox/commands/outbox";
import { createEventFeed } from "@sagacart/outbox/events/feed";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { startAskingAgain } from "@sagacart/provider/asking-again";
import { accountService } from "./accounts/account-service.ts";
import { claimJobs } from "./card-provider/ask-store.ts";
import { createCardInbox } from "./card-provider/card-inbox.ts";
import type { CardProvider } from "./card-provider/card-provider.ts";
import { createCardQueue } from "./card-provider/card-queue.ts";
import { measuredCardProvider } from "./card-provider/measured-card-provider.ts";
import type { Config } from "./config.ts";
import { disputeService } from "./disputes/dispute-service.ts";
import { createLedger } from "./ledger/ledger-store.ts";
import { createMeters } from "./meters.ts";
import { chargeOrders } from "./payments/charge.ts";
import { createPayment } from "./payments/create-payment.ts";
import { paymentService } from "./payments/payment-service.ts";
import { createResults } from "./payments/results.ts";
import { voidOrders } from "./payments/void.ts";
import { refundPayment } from "./refunds/refund-payment.ts";
import { refundService } from "./refunds/refund-service.ts";
import { retryRefund } from "./refunds/retry-refund.ts";
import { settleByHand } from "./refunds/settle-by-hand.ts";

export type PaymentOptions = {
  config: Omit<Config, "PROVIDER_URL" | "PROVIDER_API_KEY">;
  pool: Pool;
  log: Log;
  clock: Clock;
  metrics: Metrics;
  cardProvider: CardProvider;
};

/** Payment's services, and what runs in its background. */
export function startPayment({ config, pool, log, clock, metrics, cardProvider }: PaymentOptions): {
  routes(router: ConnectRouter): void;
  background: AsyncDisposable[];
} {
  const outbox = { pool, url: config.DATABASE_URL, log };
  const feed = createEventFeed({ ...outbox, source: "/sagacart/payment", metrics });
  const commands = createCommandOutbox({ ...outbox, tracked: [] });
  const ledger = createLedger();
  const meters = createMeters(metrics);
  const retryMs = config.PROVIDER_RETRY_MS;
  const timeoutMs = config.PROVIDER_TIMEOUT_MS;
  const written = { pool, log, ledger, feed, commands, retryMs };
  const writeResults = createResults({ ...written, recheckMs: config.PROVIDER_RECHECK_MS });
  const cardQueue = createCardQueue({
    cardProvider: measuredCardProvider(cardProvider, metrics),
    concurrency: config.PROVIDER_CONCURRENCY,
    timeoutMs,
    log,
    onAnswer: meters.answered,
    writeLate: (results) => writeResults(results, { answering: false }),
  });
  const askingAgain = startAskingAgain({
    name: "provider-asks",
    log,
    queue: cardQueue,
    claim: (options) => claimJobs(pool, options),
    write: (results) => writeResults(results, { answering: false }),
    retryMs,
    timeoutMs,
  });
  const inbox = createCardInbox({ ...written, clock, secrets: config.PROVIDER_WEBHOOK_SECRET });
  const options = { ...written, cardQueue, writeResults, timeoutMs, batchMs: config.PROVIDER_BATCH_MS };
  const service = {
    ...paymentService({
      pool,
      meters,
      chargeOrders: chargeOrders(options),
      voidOrders: voidOrders(options),
      createPayment: createPayment(options),
      inbox,
    }),
    ...refundService({
      pool,
      refundPayment: refundPayment(options),
      retryRefund: retryRefund(options),
      settleByHand: settleByHand(options),
    }),
    ...disputeService({ pool }),
  };
  return {
    routes(router) {
      router.service(AccountService, accountService({ pool, ledger, shopCurrency: config.SHOP_CURRENCY }));
      router.service(PaymentService, service);
      feed.routes(router);
      router.service(CommandService, commands.service);
    },
    background: [feed, commands, cardQueue, askingAgain, inbox, forgetOldRequests({ pool, log })],
  };
}
