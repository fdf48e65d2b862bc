import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { toJson } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { systemClock } from "@sagacart/chassis/time/clock";
import { type Cart, CartSchema } from "@sagacart/proto/order/v1/cart";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import type { CartState } from "../carts/cart.ts";
import { createCartService } from "../carts/cart-service.ts";
import { lockCarts, markCheckingOut } from "../carts/cart-store.ts";
import type { Catalogue } from "../carts/catalogue.ts";
import { createGuestCartService } from "../carts/guest-cart-service.ts";
import type { Quote } from "../carts/quote.ts";
import { createAnonymousBudget, unlimitedAnonymous } from "../guests/anonymous-budget.ts";

export type TestCarts = AsyncDisposable & {
  readonly pool: Pool;
  readonly carts: Client<typeof CartService>;
  readonly guests: Client<typeof GuestCartService>;
  /** The same carts, served by another instance. */
  readonly elsewhere: Client<typeof CartService>;
  /** The products of the catalogue. */
  readonly products: Map<string, Quote>;
  /** Creates a cart of a new customer. */
  newCart(...lines: { productId: string; quantity: number }[]): Promise<Cart>;
  /** Puts a cart into a state, as a checkout or its end does. */
  bringTo(state: CartState, cartId: string): Promise<void>;
};

/** Starts the cart services on their own database. The catalogue has tea, mug and gold in EUR, and rice in JPY. */
export async function startTestCarts(): Promise<TestCarts> {
  const database: TestDatabase = await testDatabase(new URL("../../migrations/", import.meta.url));
  const { pool } = database;
  const products = new Map<string, Quote>([
    ["tea", quote({ productId: "tea", title: "Tea", priceMinor: 450n })],
    ["mug", quote({ productId: "mug", title: "Mug", priceMinor: 1_299n })],
    ["rice", quote({ productId: "rice", title: "お米", currency: "JPY", priceMinor: 900n })],
    ["gold", quote({ productId: "gold", title: "Gold", priceMinor: 10n ** 12n })],
  ]);
  const { carts, guests } = serve(pool, products);
  return {
    pool,
    carts,
    guests,
    elsewhere: serve(pool, products).carts,
    products,
    async newCart(...lines) {
      const { cart } = await carts.createCart({ customerId: randomUUID(), lines });
      return requireCart(cart);
    },
    async bringTo(state, cartId) {
      await withTransaction(pool, (tx) => markCheckingOut(tx, [{ cartId, orderId: `order-of-${cartId}` }]));
      const isDefault = state === "OPEN" || state === "CHECKING_OUT";
      await pool.query("update carts set state = $2, is_default = is_default and $3 where id = $1", [
        cartId,
        state,
        isDefault,
      ]);
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** The quote of a product, in EUR by default. */
export function quote(given: Partial<Quote> & { productId: string }): Quote {
  return { sku: `SKU-${given.productId}`, title: given.productId, currency: "EUR", priceMinor: 100n, ...given };
}

/** A cart as JSON, without the times. */
export function json(cart: Cart | undefined) {
  const { createTime, updateTime, ...rest } = toJson(CartSchema, requireCart(cart));
  return rest;
}

/** The quantities in a cart by product. */
export function contents(cart: Cart | undefined): Record<string, number> {
  return Object.fromEntries(requireCart(cart).lines.map(({ productId, quantity }) => [productId, quantity]));
}

/** Returns the cart. Throws if the answer has none. */
export function requireCart(cart: Cart | undefined): Cart {
  if (cart === undefined) {
    throw new Error("the answer has no cart");
  }
  return cart;
}

/** The code, reason and metadata that a call fails with. */
export async function failureOf(call: Promise<unknown>) {
  const error: unknown = await call.then(
    () => new Error("the call succeeded"),
    (reason) => reason,
  );
  const { code, reason, metadata } = errorInfo(error);
  return { code, reason, metadata };
}

/** The fields that fail validation in a call. */
export async function violationsOf(call: Promise<unknown>): Promise<string[]> {
  const error: unknown = await call.catch((reason) => reason);
  return errorInfo(error).violations.map(({ field }) => field);
}

/** Starts a concurrent transaction, which stays open until `end`. */
export async function holdTransaction(pool: Pool, act: (tx: Transaction) => Promise<unknown>) {
  const tx = await pool.connect();
  await tx.query("begin");
  await act(tx);
  return {
    async end(how: "commit" | "rollback"): Promise<void> {
      await tx.query(how);
      tx.release();
    },
  };
}

/** Locks a cart in a concurrent transaction. */
export function holdCartLock(pool: Pool, cartId: string) {
  return holdTransaction(pool, (tx) => lockCarts(tx, [cartId]));
}

/** Resolves when this many statements wait for a lock. */
export async function untilWaiting(pool: Pool, count: number): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (rowCount === count) {
      return;
    }
    await setTimeout(2);
  }
}

function serve(pool: Pool, products: ReadonlyMap<string, Quote>) {
  const catalogue: Catalogue = async (ids) =>
    new Map(ids.flatMap((id) => [products.get(id)].flatMap((known) => (known === undefined ? [] : [[id, known]]))));
  const transport = inMemory((router) => {
    router.service(CartService, createCartService({ pool, catalogue }));
    const budget = createAnonymousBudget({ pool, clock: systemClock, limits: unlimitedAnonymous });
    router.service(GuestCartService, createGuestCartService({ pool, catalogue, budget }));
  }, "order.sagacart");
  return { carts: createClient(CartService, transport), guests: createClient(GuestCartService, transport) };
}
