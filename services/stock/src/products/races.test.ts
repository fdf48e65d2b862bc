import type { Actor } from "@sagacart/chassis/auth/actor";
import { type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { afterAll, beforeAll, expect, test } from "vitest";
import { breaches, failure, type TestStock, testStock } from "../testing/stock.ts";
import { setProducts } from "./edit.ts";
import type { NewProduct } from "./product.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
});
afterAll(async () => {
  expect(await breaches(shop.pool)).toEqual([]);
  await shop[Symbol.asyncDispose]();
});

const actor: Actor = { kind: "SYSTEM", id: "import" };

function product(id: string, sku = id): NewProduct {
  return { id, sku, title: id, description: "", currency: "EUR", priceMinor: 100n, pictureUrl: "" };
}

function set(tx: Transaction, products: readonly NewProduct[]): Promise<void> {
  return setProducts(
    tx,
    products.map((product) => ({ product, onHand: 1 })),
    actor,
  );
}

/** Puts products in a transaction of its own, which is not tried again after a deadlock. */
function putOnce(...products: NewProduct[]): Promise<void> {
  return withTransaction(shop.pool, (tx) => set(tx, products), { attempts: 1 });
}

/** Begins to put products; what it returns commits them. */
async function begin(...products: NewProduct[]): Promise<() => Promise<void>> {
  const begun = Promise.withResolvers<void>();
  const { promise: end, resolve: commit } = Promise.withResolvers<void>();
  const done = withTransaction(shop.pool, async (tx) => {
    await set(tx, products);
    begun.resolve();
    await end;
  });
  await Promise.race([begun.promise, done]);
  return () => {
    commit();
    return done;
  };
}

async function waiting(count: number): Promise<void> {
  const query = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await expect.poll(async () => (await shop.pool.query(query)).rowCount, { interval: 10 }).toBe(count);
}

test("a put that inserts what another one inserts does not hold products that the other one will lock", async () => {
  const [first, second, third] = [product("a-1"), product("a-2"), product("a-3")];
  const commitSecond = await begin(second);
  const commitThird = await begin(third);
  // Has inserted the first product, and waits for the other two in turn.
  const all = putOnce(first, second, third);
  await waiting(1);
  await commitSecond();
  // Finds the second product, and waits for the first.
  const two = putOnce(first, second);
  await waiting(2);
  await commitThird();

  await Promise.all([all, two]);
  expect((await shop.products.batchGetProducts({ ids: ["a-1", "a-2", "a-3"] })).products).toHaveLength(3);
});

test("a new product takes the SKU that another one gives up, in two puts at once", async () => {
  await putOnce(product("b-1", "wanted"));
  const commit = await begin(product("b-1", "other"), product("b-2", "wanted"));
  const again = putOnce(product("b-1", "other"), product("b-2", "wanted"));
  await waiting(1);
  await commit();

  await again;
  const { products } = await shop.products.batchGetProducts({ ids: ["b-1", "b-2"] });
  expect(products.map(({ sku }) => sku)).toEqual(["other", "wanted"]);
});

test("products swap their SKUs, also those whose ids differ in case only", async () => {
  await putOnce(product("c-x", "c-1"), product("C-X", "c-2"));
  await putOnce(product("c-x", "c-2"), product("C-X", "c-1"));

  const { products } = await shop.products.batchGetProducts({ ids: ["c-x", "C-X"] });
  expect(new Map(products.map(({ id, sku }) => [id, sku]))).toEqual(
    new Map([
      ["c-x", "c-2"],
      ["C-X", "c-1"],
    ]),
  );
  expect(await failure(putOnce(product("c-y", "C-1")))).toMatchObject({ reason: "PRODUCT_EXISTS" });
});
