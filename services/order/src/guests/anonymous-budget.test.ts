import { randomUUID } from "node:crypto";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { createPool } from "@sagacart/chassis/postgres/pool";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { RetryInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServices } from "../compose.ts";
import { quote, testPeriods } from "../testing/order.ts";
import { requireCart } from "../testing/test-carts.ts";
import {
  type AnonymousLimits,
  cartBytes,
  changeBytes,
  createAnonymousBudget,
  forgetOldBudgets,
  orderBytes,
  unlimitedAnonymous,
} from "./anonymous-budget.ts";

const hourMs = 3_600_000;
const minuteMs = 60_000;

/** Starts two instances of the service, each with its own connections to one database, at 20 minutes past an hour. */
async function startShop(limits: Partial<AnonymousLimits>) {
  const database = await testDatabase(new URL("../../migrations/", import.meta.url));
  const { url } = database;
  let now = Date.UTC(2026, 0, 1, 12, 20);
  const clock = { now: () => new Date(now) };
  const catalogue = async (ids: readonly string[]) => new Map(ids.map((id) => [id, quote(id, 100n)]));
  const instances = [0, 1].map(() => {
    const pool = createPool({ url, size: 4, applicationName: "test", log: silentLog });
    const anonymous = { ...unlimitedAnonymous, ...limits };
    const options = { pool, url, log: silentLog, catalogue, idlePeriods: testPeriods, anonymous, clock };
    const { routes, background } = createServices(options);
    const transport = inMemory(routes, "order.sagacart");
    return {
      pool,
      background,
      carts: createClient(GuestCartService, transport),
      orders: createClient(GuestOrderService, transport),
    };
  });
  const [one, two] = instances;
  return {
    pool: database.pool,
    clock,
    one: one!,
    two: two!,
    pass(ms: number) {
      now += ms;
    },
    async [Symbol.asyncDispose]() {
      for (const { background, pool } of instances) {
        for (const part of background.toReversed()) {
          await part[Symbol.asyncDispose]();
        }
        await pool.end();
      }
      await database[Symbol.asyncDispose]();
    },
  };
}

type Shop = Awaited<ReturnType<typeof startShop>>;

const from = (address: string): Options => ({ headers: { "x-client-address": address } });
const here = from("192.0.2.1");
const lines = (count: number) => Array.from({ length: count }, (_, n) => ({ productId: `p${n}`, quantity: 2 }));

async function newGuest({ one }: Shop, { count = 1, options = from("203.0.113.200") } = {}) {
  const { cart, guestToken } = await one.carts.createGuestCart({ lines: lines(count) }, options);
  return { cartId: requireCart(cart).id, guestToken };
}

function checkout({ one }: Shop, guest: { cartId: string; guestToken: string }, more: object = {}, options = here) {
  const request = { ...guest, contactEmail: "guest@shop.test", paymentMethod: "pm_ok", waitFor: WaitFor.ACCEPTED };
  return one.orders.checkoutGuestCart({ ...request, requestId: randomUUID(), ...more }, options);
}

/** Returns "done", or the error's limit. */
async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "done";
  } catch (error) {
    const { code, reason, metadata } = errorInfo(error);
    expect([code, reason]).toEqual([Code.ResourceExhausted, "ANONYMOUS_BUDGET"]);
    return metadata.limit ?? "";
  }
}

type Guest = { cartId: string; guestToken: string };
type Options = { headers: Record<string, string> };

/** Every call of a guest that stores something that no other limit bounds, with the bytes that it is counted with. */
const writes: [name: string, bytes: number, call: (shop: Shop, guest: Guest, options: Options) => Promise<unknown>][] =
  [
    ["CreateGuestCart", cartBytes(3), ({ one }, _, options) => one.carts.createGuestCart({ lines: lines(3) }, options)],
    [
      "ReplaceGuestCartLines",
      changeBytes(3),
      ({ one }, { cartId: id, guestToken }, options) =>
        one.carts.replaceGuestCartLines({ id, guestToken, lines: lines(3) }, options),
    ],
    [
      "AddGuestCartItem",
      changeBytes(1),
      ({ one }, { cartId: id, guestToken }, options) =>
        one.carts.addGuestCartItem({ id, guestToken, productId: "p0" }, options),
    ],
    [
      "AddGuestCartItem with a request id",
      changeBytes(1, "id"),
      ({ one }, { cartId: id, guestToken }, options) =>
        one.carts.addGuestCartItem({ id, guestToken, productId: "p0", requestId: randomUUID() }, options),
    ],
    [
      "RemoveGuestCartItem",
      0,
      ({ one }, { cartId: id, guestToken }, options) =>
        one.carts.removeGuestCartItem({ id, guestToken, productId: "p0" }, options),
    ],
    ["CheckoutGuestCart", orderBytes(1), (shop, guest, options) => checkout(shop, guest, {}, options)],
    [
      "CheckoutGuestCart of a deleted cart, whose refusal is remembered",
      changeBytes(0, "id"),
      async (shop, guest, options) => {
        await shop.one.carts.deleteGuestCart({ id: guest.cartId, guestToken: guest.guestToken }, options);
        await checkout(shop, guest, {}, options).catch((error) => {
          if (errorInfo(error).reason !== "CART_CLOSED") {
            throw error;
          }
        });
      },
    ],
    [
      "PayGuestOrder, whose refusal is remembered",
      changeBytes(0, "id"),
      async ({ one }, { guestToken }, options) => {
        const request = { id: "no-order", guestToken, paymentMethod: "pm_ok", requestId: randomUUID() };
        await one.orders.payGuestOrder(request, options).catch((error) => {
          if (errorInfo(error).reason !== "ORDER_NOT_FOUND") {
            throw error;
          }
        });
      },
    ],
  ];

describe.each(writes)("%s", (_, bytes, call) => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await startShop({ storagePerNetwork: { count: 2, amount: 1_000_000 }, storage: { count: 100, amount: 0 } });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  const spent = async () => {
    const { rows } = await shop.pool.query<{ count: number; amount: number }>(
      "select count::int, amount::int from anonymous_budgets order by key",
    );
    return rows;
  };

  test("is counted for its network and for all, with its bytes", async () => {
    const guest = await newGuest(shop, { options: here });
    const before = await spent();
    await call(shop, guest, here);
    expect(before).toHaveLength(2);
    expect(await spent()).toEqual(before.map(({ count, amount }) => ({ count: count + 1, amount: amount + bytes })));
  });

  test("is refused, and stores nothing, once the network's writes are spent", async () => {
    const guest = await newGuest(shop);
    const other = from("192.0.2.77");
    await shop.one.carts.createGuestCart({}, other);
    await shop.two.carts.createGuestCart({}, other);
    const rows =
      "select (select count(*) from requests) + (select count(*) from cart_lines) + (select count(*) from orders) as n";
    const before = await shop.pool.query(rows);
    expect(await outcome(call(shop, guest, other))).toBe("storage_per_network");
    expect((await shop.pool.query(rows)).rows).toEqual(before.rows);
  });
});

test("bytes are limited, however few writes they come with", async () => {
  await using shop = await startShop({ storagePerNetwork: { count: 100, amount: 2 * cartBytes(100) } });
  const create = (count: number) => outcome(shop.one.carts.createGuestCart({ lines: lines(count) }, here));
  expect([await create(100), await create(99), await create(1), await create(0)]).toEqual([
    "done",
    "done",
    "storage_per_network",
    "storage_per_network",
  ]);
});

test("a write that is larger than what is left leaves room for smaller ones", async () => {
  await using shop = await startShop({ storagePerNetwork: { count: 100, amount: cartBytes(50) } });
  const create = (count: number) => outcome(shop.one.carts.createGuestCart({ lines: lines(count) }, here));
  expect([await create(100), await create(10)]).toEqual(["storage_per_network", "done"]);
});

test("one network's budget is not another's, and an IPv6 network is a /64", async () => {
  await using shop = await startShop({ storagePerNetwork: { count: 1, amount: 0 } });
  const create = (address: string) => outcome(shop.one.carts.createGuestCart({}, from(address)));
  const addresses = [
    "192.0.2.1",
    "192.0.2.1",
    "::ffff:192.0.2.1",
    "192.0.2.2",
    "2001:db8::1",
    "2001:db8::2:3",
    "2001:db8:0:1::1",
  ];
  const outcomes: string[] = [];
  for (const address of addresses) {
    outcomes.push(await create(address));
  }
  const spent = "storage_per_network";
  expect(outcomes).toEqual(["done", spent, spent, "done", "done", spent, "done"]);
});

test("all networks share one budget, of which a network that has spent its own takes nothing", async () => {
  await using shop = await startShop({
    storagePerNetwork: { count: 1, amount: 0 },
    storage: { count: 3, amount: 0 },
  });
  const create = (address: string) => outcome(shop.one.carts.createGuestCart({}, from(address)));
  const outcomes: string[] = [];
  for (const address of ["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]) {
    outcomes.push(await create(address));
  }
  const spent = "storage_per_network";
  expect(outcomes).toEqual(["done", spent, spent, spent, "done", "done", "storage"]);
});

test.each([
  ["writes", { count: 7, amount: 0 }],
  ["bytes", { count: 0, amount: 7 * cartBytes(1) }],
])("two processes at once exceed the limit of %s by nothing", async (_, limit) => {
  await using shop = await startShop({ storagePerNetwork: limit, storage: limit });
  const { rows: before } = await shop.pool.query("select count(*)::int from carts");
  const calls = Array.from({ length: 40 }, (_, n) =>
    outcome((n % 2 === 0 ? shop.one : shop.two).carts.createGuestCart({ lines: lines(1) }, here)),
  );
  const done = (await Promise.all(calls)).filter((end) => end === "done");
  const { rows } = await shop.pool.query("select count(*)::int from carts");
  expect([before, done.length, rows]).toEqual([[{ count: 0 }], 7, [{ count: 7 }]]);
});

test("the error tells when the hour has passed, and then the budget is new", async () => {
  await using shop = await startShop({ storagePerNetwork: { count: 1, amount: 0 } });
  await shop.one.carts.createGuestCart({}, here);
  const error = await shop.two.carts.createGuestCart({}, here).catch((reason) => reason);
  expect(errorInfo(error).metadata).toEqual({ limit: "storage_per_network", retry_after_seconds: "2400" });
  expect(ConnectError.from(error).findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(2_400n);
  shop.pass(40 * minuteMs - 1);
  expect(await outcome(shop.one.carts.createGuestCart({}, here))).toBe("storage_per_network");
  shop.pass(1);
  expect(await outcome(shop.one.carts.createGuestCart({}, here))).toBe("done");
});

test("a refusal for the budget is not remembered with the request id", async () => {
  await using shop = await startShop({ storagePerNetwork: { count: 1, amount: 0 } });
  const { cartId: id, guestToken } = await newGuest(shop, { options: here });
  const item = { id, guestToken, productId: "p5", requestId: "once" };
  expect(await outcome(shop.one.carts.addGuestCartItem(item, here))).toBe("storage_per_network");
  shop.pass(hourMs);
  expect((await shop.one.carts.addGuestCartItem(item, here)).cart?.lines).toHaveLength(2);
});

test("a guest who may store no more can still read, delete and cancel", async () => {
  await using shop = await startShop({ storagePerNetwork: { count: 2, amount: 0 } });
  await shop.one.carts.createGuestCart({}, here);
  const { cartId: id, guestToken } = await newGuest(shop, { options: here });
  const bought = await newGuest(shop);
  const { order } = await checkout(shop, bought, { payLater: true }, from("192.0.2.5"));
  expect(await outcome(shop.one.carts.createGuestCart({}, here))).toBe("storage_per_network");
  await shop.one.carts.getGuestCart({ id, guestToken }, here);
  await shop.one.carts.deleteGuestCart({ id, guestToken }, here);
  await shop.one.orders.cancelGuestOrder(
    { id: order!.id, guestToken: bought.guestToken, waitAtMost: { seconds: 0n, nanos: 0 } },
    here,
  );
});

describe("orders of guests that are paid later", () => {
  test("are limited by network, though each guest is another customer", async () => {
    await using shop = await startShop({ unpaidPerNetwork: { count: 2, amount: 0 } });
    const buy = async (more: object, options = here) => outcome(checkout(shop, await newGuest(shop), more, options));
    const later = { payLater: true };
    expect([await buy(later), await buy(later), await buy(later)]).toEqual(["done", "done", "unpaid_per_network"]);
    // Orders that are paid at once, and other networks, are not concerned.
    expect([await buy({}), await buy(later, from("192.0.2.9"))]).toEqual(["done", "done"]);
  });

  test("are limited by their units", async () => {
    await using shop = await startShop({ unpaidPerNetwork: { count: 0, amount: 10 } });
    const buy = async (count: number) => outcome(checkout(shop, await newGuest(shop, { count }), { payLater: true }));
    expect([await buy(3), await buy(3), await buy(2)]).toEqual(["done", "unpaid_per_network", "done"]);
  });

  test("are counted once, however often the checkout is repeated", async () => {
    await using shop = await startShop({ unpaidPerNetwork: { count: 1, amount: 0 } });
    const guest = await newGuest(shop);
    const request = { payLater: true, requestId: "once" };
    const first = await checkout(shop, guest, request);
    const again = await checkout(shop, guest, request);
    expect([again.attached, again.order?.id]).toEqual([true, first.order?.id]);
  });
});

test.each([
  ["carts of 100 lines", 200, 100],
  ["carts of 2 lines", 400, 2],
])("%s take no more bytes than are counted, and not much less", async (_, carts, count) => {
  await using shop = await startShop({});
  const size = async () => {
    const { rows } = await shop.pool.query(
      "select (pg_total_relation_size('carts') + pg_total_relation_size('cart_lines'))::int as bytes",
    );
    return rows[0].bytes;
  };
  const before = await size();
  for (let n = 0; n < carts; n += 20) {
    await Promise.all(Array.from({ length: 20 }, () => newGuest(shop, { count })));
  }
  const each = ((await size()) - before) / carts;
  expect(each).toBeLessThanOrEqual(cartBytes(count));
  expect(each).toBeGreaterThan(cartBytes(count) / 3);
});

test("an order takes no more bytes than are counted", async () => {
  await using shop = await startShop({});
  const size = async () => {
    const { rows } = await shop.pool.query(
      "select sum(pg_total_relation_size(oid))::int as bytes from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
    );
    return rows[0].bytes;
  };
  const guests = await Promise.all(Array.from({ length: 300 }, () => newGuest(shop, { count: 5 })));
  const before = await size();
  await Promise.all(guests.map((guest) => checkout(shop, guest)));
  const each = ((await size()) - before) / guests.length;
  expect(each).toBeLessThanOrEqual(orderBytes(5));
  expect(each).toBeGreaterThan(500);
});

test("budgets of past hours are deleted, and the current one stays", async () => {
  await using shop = await startShop({ storage: { count: 9, amount: 0 } });
  const { pool, clock } = shop;
  const budget = createAnonymousBudget({
    pool,
    clock,
    limits: { ...unlimitedAnonymous, storage: { count: 9, amount: 0 } },
  });
  await budget.store(1);
  shop.pass(4 * hourMs);
  await budget.store(2);
  await using _loop = forgetOldBudgets({ pool, clock, log: silentLog });
  await expect
    .poll(async () => (await pool.query("select amount::int from anonymous_budgets")).rows, { timeout: 30_000 })
    .toEqual([{ amount: 2 }]);
});

test("without limits, nothing is counted", async () => {
  await using shop = await startShop({});
  await newGuest(shop);
  expect((await shop.pool.query("select from anonymous_budgets")).rowCount).toBe(0);
});
