import { type Client, type ConnectRouter, createClient } from "@connectrpc/connect";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import type { Clock } from "@sagacart/chassis/time/clock";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { ActivityService } from "@sagacart/proto/order/v1/activity_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import type pg from "pg";
import type { Quote } from "../carts/quote.ts";
import type { UnpaidLimits } from "../checkout/unpaid-limits.ts";
import { createServices } from "../compose.ts";
import type { AnonymousLimits } from "../guests/anonymous-budget.ts";
import type { PaymentFeed } from "../payment-events/read-feed.ts";

export type TestOrderService = AsyncDisposable & {
  readonly routes: (router: ConnectRouter) => void;
  readonly pool: pg.Pool;
  /** The database's owner, for what the service may not do. */
  readonly owner: pg.Pool;
  /** The quotes of the catalogue, which a test may change. */
  readonly prices: Map<string, Quote>;
  readonly orders: Client<typeof OrderService>;
  readonly carts: Client<typeof CartService>;
  readonly guests: Client<typeof GuestCartService>;
  readonly guestOrders: Client<typeof GuestOrderService>;
  readonly incidents: Client<typeof IncidentService>;
  readonly activity: Client<typeof ActivityService>;
  readonly saga: Client<typeof SagaService>;
  readonly commands: Client<typeof CommandService>;
  readonly events: Client<typeof EventService>;
};

/**
 * Starts the whole service in memory on its own database, with a catalogue that the test may change. It hears of refunds and
 * disputes if it is given the payment service's feed.
 */
export async function startOrderService(
  options: { payments?: PaymentFeed; unpaid?: UnpaidLimits; anonymous?: AnonymousLimits; clock?: Clock } = {},
): Promise<TestOrderService> {
  const database = await testDatabase(new URL("../../migrations/", import.meta.url));
  const { pool, url, owner } = database;
  const prices = new Map(["mug", "pen", "cap"].map((id, index) => [id, quote(id, BigInt(100 * (index + 1)))] as const));
  const services = createServices({
    pool,
    url,
    log: silentLog,
    catalogue: async () => prices,
    idlePeriods: testPeriods,
    ...options,
  });
  const transport = inMemory(services.routes, "order.sagacart");
  return {
    routes: services.routes,
    pool,
    owner,
    prices,
    orders: createClient(OrderService, transport),
    carts: createClient(CartService, transport),
    guests: createClient(GuestCartService, transport),
    guestOrders: createClient(GuestOrderService, transport),
    incidents: createClient(IncidentService, transport),
    activity: createClient(ActivityService, transport),
    saga: createClient(SagaService, transport),
    commands: createClient(CommandService, transport),
    events: createClient(EventService, transport),
    async [Symbol.asyncDispose]() {
      for (const part of services.background.toReversed()) {
        await part[Symbol.asyncDispose]();
      }
      await database[Symbol.asyncDispose]();
    },
  };
}

const day = 86_400_000;
/** A cart expires after ten days, a guest's after five, and a customer is reminded two days before. */
export const testPeriods = { expireAfterMs: 10 * day, expireGuestsAfterMs: 5 * day, remindBeforeMs: 2 * day };

/** The quote of a product for the catalogue. */
export function quote(productId: string, priceMinor: bigint, currency = "USD"): Quote {
  return { productId, sku: productId.toUpperCase(), title: `A ${productId}`, currency, priceMinor };
}
