import { randomUUID } from "node:crypto";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startOrderService, type TestOrderService, testPeriods } from "../testing/order.ts";
import { contents, failureOf, holdCartLock, requireCart, untilWaiting } from "../testing/test-carts.ts";
import { checkIdleCarts, type Round } from "./idle-cart-loop.ts";

let shop: TestOrderService;
beforeAll(async () => {
  shop = await startOrderService();
});
afterAll(() => shop[Symbol.asyncDispose]());
// Carts that an earlier test left due would be checked in the next one.
beforeEach(() => shop.pool.query("update carts set idle_check_time = null"));

const oneMug = [{ productId: "mug", quantity: 1 }];

async function newCart(lines = oneMug, name = "") {
  return requireCart((await shop.carts.createCart({ customerId: randomUUID(), name, lines })).cart);
}

async function get(id: string) {
  return requireCart((await shop.carts.getCart({ id })).cart);
}

/** Makes a cart older by some days, and runs a round. */
async function daysGoBy(days: number, ...ids: string[]): Promise<Round> {
  await shop.pool.query(
    `update carts set create_time = create_time - $2 * interval '1 day', update_time = update_time - $2 * interval '1 day',
                      notified_expire_time = notified_expire_time - $2 * interval '1 day', idle_check_time = now()
     where id = any($1)`,
    [ids, days],
  );
  return await checkIdleCarts(shop.pool, testPeriods);
}

async function eventsOf(cartId: string) {
  const { rows } = await shop.pool.query<{ sequence: bigint; type: string; data: Record<string, unknown> }>(
    "select sequence, type, data from events where subject = $1 order by sequence",
    [`carts/${cartId}`],
  );
  return rows.map(({ sequence, type, data }) => ({ sequence, type, data }));
}

async function typesOf(cartId: string): Promise<string[]> {
  return (await eventsOf(cartId)).map(({ type }) => type.split(".")[2] ?? "");
}

describe("a customer's cart", () => {
  test("gets one reminder and then expires, each with its event in sequence", async () => {
    const cart = await newCart(oneMug, "Birthday");
    expect(await daysGoBy(7.9, cart.id)).toEqual({ checked: 1, reminded: 0, expired: 0 });
    expect(await daysGoBy(0.2, cart.id)).toEqual({ checked: 1, reminded: 1, expired: 0 });
    expect(await daysGoBy(0, cart.id)).toEqual({ checked: 1, reminded: 0, expired: 0 });
    expect((await get(cart.id)).etag).toBe(cart.etag);
    expect(await daysGoBy(2, cart.id)).toEqual({ checked: 1, reminded: 0, expired: 1 });
    expect(await get(cart.id)).toMatchObject({ state: Cart_State.EXPIRED, isDefault: false, etag: "2" });
    const named = { cartId: cart.id, customerId: cart.customerId, name: "Birthday" };
    expect(await eventsOf(cart.id)).toEqual([
      {
        sequence: 1n,
        type: "sagacart.cart.expiring.v1",
        data: {
          ...named,
          expireTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
          total: { currencyCode: "USD", minorUnits: "100" },
          lines: [
            {
              productId: "mug",
              title: "A mug",
              quantity: 1,
              unitPrice: { currencyCode: "USD", minorUnits: "100" },
            },
          ],
        },
      },
      { sequence: 2n, type: "sagacart.cart.expired.v1", data: named },
    ]);
  });

  test("that changes after the reminder gets another reminder before it expires", async () => {
    const { id } = await newCart();
    await daysGoBy(8.5, id);
    await shop.carts.addCartItem({ id, productId: "pen" });
    expect(await daysGoBy(7, id)).toMatchObject({ reminded: 0, expired: 0 });
    expect(await daysGoBy(1.5, id)).toMatchObject({ reminded: 1, expired: 0 });
    expect(await daysGoBy(1.9, id)).toMatchObject({ expired: 0 });
    expect(await daysGoBy(0.2, id)).toMatchObject({ expired: 1 });
    expect(await typesOf(id)).toEqual(["expiring", "expiring", "expired"]);
  });

  test("that is checked late gets its reminder first, and lasts until the time in the reminder", async () => {
    const { id } = await newCart();
    expect(await daysGoBy(100, id)).toMatchObject({ reminded: 1, expired: 0 });
    expect(await daysGoBy(1.9, id)).toMatchObject({ expired: 0 });
    expect(await daysGoBy(0.2, id)).toMatchObject({ expired: 1 });
  });

  test("that is empty expires without a reminder", async () => {
    const { id } = await newCart([]);
    await daysGoBy(10.1, id);
    expect(await typesOf(id)).toEqual(["expired"]);
  });

  test("that has expired cannot be changed, but can be duplicated", async () => {
    const { id, customerId } = await newCart();
    await daysGoBy(8, id);
    await daysGoBy(3, id);
    for (const call of [
      () => shop.carts.addCartItem({ id, productId: "pen" }),
      () => shop.orders.checkout({ customerId, cartId: id, paymentMethod: "pm_ok" }),
    ]) {
      expect(await failureOf(call())).toMatchObject({ reason: "CART_CLOSED", metadata: { state: "EXPIRED" } });
    }
    const { cart } = await shop.carts.duplicateCart({ id, customerId });
    expect(contents(cart)).toEqual({ mug: 1 });
    expect((await shop.carts.getDefaultCart({ customerId })).cart?.id).not.toBe(id);
  });
});

test("a guest's cart expires sooner, and its event names no customer", async () => {
  const { cart } = await shop.guests.createGuestCart({ lines: oneMug });
  const { id } = requireCart(cart);
  await daysGoBy(4.9, id);
  expect(await typesOf(id)).toEqual([]);
  await daysGoBy(0.2, id);
  expect(await eventsOf(id)).toEqual([{ sequence: 1n, type: "sagacart.cart.expired.v1", data: { cartId: id } }]);
});

test("closed carts are not checked again", async () => {
  const { id } = await newCart();
  await shop.carts.deleteCart({ id });
  expect(await daysGoBy(100, id)).toEqual({ checked: 1, reminded: 0, expired: 0 });
  expect(await checkIdleCarts(shop.pool, testPeriods)).toMatchObject({ checked: 0 });
  const { rows } = await shop.pool.query("select idle_check_time from carts where id = $1", [id]);
  expect(rows).toEqual([{ idle_check_time: null }]);
});

test("the events appear in the feed without another write", async () => {
  const { id } = await newCart();
  await daysGoBy(100, id);
  const types = ["sagacart.cart.expiring.v1"];
  let found: string[] = [];
  for await (const { events } of shop.events.subscribeEvents({ types })) {
    found = events.map(({ subject }) => subject);
    if (found.includes(`carts/${id}`)) {
      break;
    }
  }
  expect(found).toContain(`carts/${id}`);
});

test("an order may have the same id as a cart without mixing their events", async () => {
  const { id, customerId } = await newCart();
  await daysGoBy(8, id);
  const { order } = await shop.orders.checkout({
    orderId: id,
    customerId,
    cartId: id,
    paymentMethod: "pm_ok",
    waitFor: WaitFor.ACCEPTED,
  });
  expect(order?.id).toBe(id);
});

describe("races", () => {
  test("a cart that is being checked out does not expire", async () => {
    const { id, customerId } = await newCart();
    await shop.orders.checkout({ customerId, cartId: id, paymentMethod: "pm_ok", waitFor: WaitFor.ACCEPTED });
    expect(await daysGoBy(100, id)).toEqual({ checked: 1, reminded: 0, expired: 0 });
    expect((await get(id)).state).toBe(Cart_State.CHECKING_OUT);
  });

  test("a locked cart is skipped, and checked later", async () => {
    const [held, free] = [await newCart([]), await newCart([])];
    const holder = await holdCartLock(shop.pool, held.id);
    await shop.pool.query(
      `update carts set create_time = now() - interval '1 year', update_time = now() - interval '1 year',
                        idle_check_time = now() where id = $1`,
      [free.id],
    );
    expect(await checkIdleCarts(shop.pool, testPeriods)).toEqual({ checked: 1, reminded: 0, expired: 1 });
    await holder.end("rollback");
    expect(await daysGoBy(100, held.id)).toEqual({ checked: 1, reminded: 0, expired: 1 });
  });

  test("a checkout that waited while the cart expired is refused", async () => {
    const { id, customerId } = await newCart();
    await daysGoBy(8, id);
    const tx = await shop.pool.connect();
    await tx.query("begin");
    await tx.query("update carts set state = 'EXPIRED', is_default = false, version = version + 1 where id = $1", [id]);
    const checkout = failureOf(shop.orders.checkout({ customerId, cartId: id, paymentMethod: "pm_ok" }));
    await untilWaiting(shop.pool, 1);
    await tx.query("commit");
    tx.release();
    expect(await checkout).toMatchObject({ reason: "CART_CLOSED", metadata: { state: "EXPIRED" } });
  });

  test("concurrent rounds remind of each cart once and expire each once", async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, async () => (await newCart()).id));
    const rounds = () => Promise.all(Array.from({ length: 8 }, () => checkIdleCarts(shop.pool, testPeriods)));
    const age = (days: number) =>
      shop.pool.query(
        `update carts set create_time = create_time - $2 * interval '1 day', update_time = update_time - $2 * interval '1 day',
                          notified_expire_time = notified_expire_time - $2 * interval '1 day', idle_check_time = now()
         where id = any($1)`,
        [ids, days],
      );
    await age(8.5);
    const reminded = (await rounds()).reduce((sum, round) => sum + round.reminded, 0);
    await age(2);
    const expired = (await rounds()).reduce((sum, round) => sum + round.expired, 0);
    expect([reminded, expired]).toEqual([60, 60]);
    const { rows } = await shop.pool.query(
      `select count(*)::int as events, max(sequence)::int as last from events
       where subject = any($1) group by subject having count(*) <> 2 or max(sequence) <> 2`,
      [ids.map((id) => `carts/${id}`)],
    );
    expect(rows).toEqual([]);
  });

  test("concurrent additions, checkouts and rounds end a cart in one way, with events without gaps", async () => {
    const carts = await Promise.all(Array.from({ length: 40 }, () => newCart([])));
    const work = carts.flatMap(({ id, customerId }, index) => [
      daysGoBy(index % 2 === 0 ? 11 : 1, id),
      shop.carts.addCartItem({ id, productId: "mug" }),
      shop.orders.checkout({ customerId, cartId: id, paymentMethod: "pm_ok", waitFor: WaitFor.ACCEPTED }),
    ]);
    await Promise.allSettled(work);
    for (const { id } of carts) {
      const { state } = await get(id);
      const { rows } = await shop.pool.query<{ orders: number; events: number; counted: number }>(
        `select (select count(*)::int from orders where cart_id = $1) as orders,
                (select count(*)::int from events where subject = 'carts/' || $1) as events,
                (select event_sequence::int from carts where id = $1) as counted`,
        [id],
      );
      const [row] = rows;
      expect(row?.events).toBe(row?.counted);
      expect(row?.orders).toBe(state === Cart_State.CHECKING_OUT ? 1 : 0);
    }
  });
});
