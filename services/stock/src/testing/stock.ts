import { type Client, type ConnectRouter, createClient } from "@connectrpc/connect";
import { type ErrorDetails, errorInfo } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { Registry } from "prom-client";
import { stockService } from "../levels/stock-service.ts";
import { createMeters, type Meters } from "../meters.ts";
import { productService } from "../products/product-service.ts";

export const migrations = new URL("../../migrations/", import.meta.url);

export type TestStock = AsyncDisposable & {
  readonly routes: (router: ConnectRouter) => void;
  readonly url: string;
  readonly pool: Pool;
  readonly meters: Meters;
  /** Returns the counters in Prometheus' text format. */
  counted(): Promise<string[]>;
  readonly products: Client<typeof ProductService>;
  readonly stock: Client<typeof StockService>;
  /** Creates products with these quantities on hand: `{ lamp: 3 }`. */
  have(onHand: Readonly<Record<string, number>>): Promise<void>;
  /** Returns a product's on hand and reserved. */
  level(id: string): Promise<readonly [onHand: number, reserved: number]>;
  /** Moves the expiry of these HELD reservations into the past. */
  letExpire(...ids: string[]): Promise<void>;
};

/** Starts the service on a database of its own, called in memory. */
export async function testStock(): Promise<TestStock> {
  const database = await testDatabase(migrations);
  const { pool } = database;
  const metrics = new Registry();
  const meters = createMeters(metrics);
  const routes = (router: ConnectRouter) => {
    router.service(ProductService, productService(pool));
    router.service(StockService, stockService(pool, meters));
  };
  const transport = inMemory(routes, "stock.sagacart");
  const products = createClient(ProductService, transport);
  return {
    routes,
    url: database.url,
    pool,
    meters,
    async counted() {
      const text = await metrics.metrics();
      return text.split("\n").filter((line) => line.startsWith("stock_"));
    },
    products,
    stock: createClient(StockService, transport),
    async have(onHand) {
      const items = Object.entries(onHand).map(([id, onHand]) => ({
        product: { id, title: id, price: { currencyCode: "EUR", minorUnits: 100n } },
        onHand,
      }));
      await products.batchPutProducts({ items });
    },
    async level(id) {
      const { product } = await products.getProduct({ id });
      return [product?.onHand ?? 0, product?.reserved ?? 0];
    },
    async letExpire(...ids) {
      // One by one, since concurrent calls may lock in another order.
      for (const id of ids) {
        await pool.query(
          "update reservations set expire_time = now() - interval '1 s' where id = $1 and state = 'HELD'",
          [id],
        );
      }
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** Returns what a call fails with: reason, code, message and metadata. */
export async function failure(call: Promise<unknown>): Promise<ErrorDetails> {
  const result = await call.then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  );
  if ("answer" in result) {
    throw new Error(
      `it succeeded with ${JSON.stringify(result.answer, (_, v) => (typeof v === "bigint" ? `${v}` : v))}`,
    );
  }
  return errorInfo(result.error);
}

/** Returns the name of an enum's value: nameOf(State, 1) is "HELD". */
export function nameOf(values: Readonly<Record<string, number>>, value: number | undefined): string {
  return Object.keys(values).find((name) => values[name] === value) ?? `${value}`;
}

/** Returns every breach of the law that stock is conserved. */
export async function breaches(pool: Pool): Promise<object[]> {
  const { rows } = await pool.query(`
    select l.product_id, l.on_hand, l.reserved, coalesce(m.sum, 0) as moved, coalesce(r.sum, 0) as held
    from levels l
    left join (select product_id, sum(delta) from movements group by 1) m on m.product_id = l.product_id
    left join (select product_id, sum(quantity) from reservation_lines
               join reservations on id = reservation_id where state in ('HELD', 'PINNED') group by 1) r
           on r.product_id = l.product_id
    where l.on_hand <> coalesce(m.sum, 0) or l.reserved <> coalesce(r.sum, 0)
       or l.reserved not between 0 and l.on_hand
    union all
    -- What was sold is what was committed.
    select product_id, 0, 0, sum(sold), sum(committed)
    from (select product_id, -delta as sold, 0 as committed from movements where reason = 'SALE'
          union all
          select product_id, 0, quantity from reservation_lines
          join reservations on id = reservation_id where state = 'COMMITTED') as sales
    group by 1 having sum(sold) <> sum(committed)`);
  return rows;
}
