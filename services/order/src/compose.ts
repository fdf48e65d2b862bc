import type { ConnectRouter } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { forgetOldRequests } from "@sagacart/chassis/postgres/request-retention";
import { createWake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { type Clock, systemClock } from "@sagacart/chassis/time/clock";
import { createCommandOutbox } from "@sagacart/outbox/commands/outbox";
import { createEventFeed } from "@sagacart/outbox/events/feed";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { ActivityService } from "@sagacart/proto/order/v1/activity_service";
import { AuditService } from "@sagacart/proto/order/v1/audit_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { createAuditService } from "./audits/audit-service.ts";
import { createCartService } from "./carts/cart-service.ts";
import type { Catalogue } from "./carts/catalogue.ts";
import { createGuestCartService } from "./carts/guest-cart-service.ts";
import type { IdlePeriods } from "./carts/idle-cart.ts";
import { startIdleCarts } from "./carts/idle-cart-loop.ts";
import { createCheckout } from "./checkout/record-checkouts.ts";
import { type UnpaidLimits, unlimitedUnpaid } from "./checkout/unpaid-limits.ts";
import {
  type AnonymousLimits,
  createAnonymousBudget,
  forgetOldBudgets,
  unlimitedAnonymous,
} from "./guests/anonymous-budget.ts";
import { createGuestOrderService } from "./guests/guest-order-service.ts";
import { createIncidentService } from "./incidents/incident-service.ts";
import { createMeters } from "./meters.ts";
import { createActivityService } from "./orders/activity-service.ts";
import { createOrderService } from "./orders/order-service.ts";
import { createWaiters } from "./orders/waiters.ts";
import { type PaymentFeed, startPaymentEvents } from "./payment-events/read-feed.ts";
import { ownerKinds } from "./saga/owner-store.ts";
import { createSagaService } from "./saga/saga-service.ts";
import { listStalled, restartStalled } from "./saga/stalled-store.ts";

export type ServicesOptions = {
  pool: Pool;
  url: string;
  log: Log;
  catalogue: Catalogue;
  metrics?: Metrics;
  /** The payment service's feed; without it, orders do not hear of refunds and disputes. */
  payments?: PaymentFeed;
  idlePeriods: IdlePeriods;
  /** Limits of what is held and not paid; 30 days and no others where absent. */
  unpaid?: UnpaidLimits;
  /** Limits of what guests store within an hour; none where absent. */
  anonymous?: AnonymousLimits;
  /** Tells the hour that guests' budgets are for. */
  clock?: Clock;
};

/** Wires the services of this process over one database. The background tasks must be closed in reverse order. */
export function createServices({
  pool,
  url,
  log,
  catalogue,
  metrics,
  payments,
  idlePeriods,
  unpaid = unlimitedUnpaid,
  anonymous = unlimitedAnonymous,
  clock = systemClock,
}: ServicesOptions): {
  routes: (router: ConnectRouter) => void;
  background: readonly AsyncDisposable[];
} {
  const feed = createEventFeed({ pool, url, source: "/sagacart/order", log, metrics });
  const stalled = { list: listStalled, restart: restartStalled };
  const commands = createCommandOutbox({ pool, url, log, tracked: ownerKinds, stalled });
  const wake = createWake({ url, channel: "orders_changed", log });
  const waiters = createWaiters(pool, wake);
  const commandsRecorded = () => commands.notify();
  const recorded = () => {
    feed.notify();
    commands.notify();
  };
  const meters = metrics === undefined ? undefined : createMeters(metrics);
  const checkout = createCheckout({
    pool,
    catalogue,
    unpaid,
    recorded(count) {
      meters?.recorded(count);
      recorded();
    },
  });
  const saga = createSagaService({
    pool,
    checkout,
    meters,
    commandsRecorded,
    ordersChanged(orders) {
      waiters.changed(orders);
      feed.notify();
    },
  });
  const paymentsHeard = (orderIds: ReadonlySet<string>) => {
    waiters.changed([...orderIds].map((id) => [id] as const));
    feed.notify();
  };
  const orders = createOrderService({ pool, checkout, waiters, recorded });
  const budget = createAnonymousBudget({ pool, clock, limits: anonymous });
  const guestOrders = createGuestOrderService({ pool, budget, orders, recorded: () => feed.notify() });
  return {
    routes(router) {
      router.service(OrderService, orders);
      router.service(CartService, createCartService({ pool, catalogue }));
      router.service(GuestCartService, createGuestCartService({ pool, catalogue, budget }));
      router.service(GuestOrderService, guestOrders);
      router.service(IncidentService, createIncidentService({ pool, commandsRecorded }));
      router.service(ActivityService, createActivityService(pool));
      router.service(AuditService, createAuditService(pool));
      router.service(SagaService, saga);
      router.service(CommandService, commands.service);
      feed.routes(router);
    },
    background: [
      forgetOldRequests({ pool, log }),
      forgetOldBudgets({ pool, clock, log }),
      wake,
      commands,
      feed,
      startIdleCarts({ pool, log, periods: idlePeriods, recorded: () => feed.notify() }),
      { [Symbol.asyncDispose]: async () => waiters[Symbol.dispose]() },
      ...(payments === undefined ? [] : [startPaymentEvents({ ...payments, pool, log, changed: paymentsHeard })]),
    ],
  };
}
