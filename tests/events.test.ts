import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { type Caller, callerOf } from "./support/caller.ts";
import { makeCustomer, makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// The independent consumers of the feed of orders: the notifier, its webhooks, and shipping's delivery log.

let shop: TestShop;
let send: Caller;
let authorization: string;
beforeAll(async () => {
  shop = await startShop();
  send = callerOf(shop.stack);
  authorization = await authorizationOf(shop.stack.addresses, "admin");
});
afterAll(() => shop?.[Symbol.asyncDispose]());

async function ask(request: string, body?: object) {
  return await send(request, body, { authorization });
}

async function buy(count: number): Promise<string[]> {
  const productId = await makeProduct(shop.shop, count);
  const customerId = await makeCustomer(shop.shop, 1_000_000n);
  const orders = Array.from({ length: count }, async () => {
    const { order } = await shop.shop.orders.checkout({ customerId, lines: [{ productId, quantity: 1 }] });
    return order?.id ?? "";
  });
  return (await Promise.all(orders)).sort();
}

/** The orders that a consumer has recorded, one row per record. */
async function written(database: "shipping" | "notifier", orders: readonly string[]): Promise<string[]> {
  const client = new pg.Client({ connectionString: shop.stack.databaseUrl(database) });
  await client.connect();
  try {
    const { rows } = await client.query<{ order_id: string }>(
      database === "shipping"
        ? "select order_id from delivery_log where order_id = any($1) order by 1"
        : "select order_id from messages where order_id = any($1) and event_type like '%.completed.%' and channel = 'INBOX' order by 1",
      [orders],
    );
    return rows.map(({ order_id }) => order_id);
  } finally {
    await client.end();
  }
}

async function untilWritten(database: "shipping" | "notifier", orders: readonly string[]): Promise<void> {
  await until(60_000, `${database} to record ${orders}`, async () => {
    const found = await written(database, orders);
    return found.length >= orders.length ? found : undefined;
  });
}

type Consumer = { name: string; position: string; lagEvents: string; lag: string; generation: string };

async function consumers(): Promise<Map<string, Consumer>> {
  const { body } = await ask("GET /v1/consumers");
  return new Map(body.consumers.map((consumer: Consumer) => [consumer.name, consumer]));
}

async function untilCaughtUp(name: string): Promise<Consumer> {
  return await until(60_000, `${name} to catch up`, async () => {
    const consumer = (await consumers()).get(name);
    return consumer?.lagEvents === "0" ? consumer : undefined;
  });
}

test("delivery log and notifier each record an order; while one is down the other continues, and the lag is visible", async () => {
  const first = await buy(5);
  await untilWritten("shipping", first);
  await untilWritten("notifier", first);
  expect([...(await consumers()).keys()]).toEqual(["notifier", "shipping.delivery-log", "webhooks"]);
  await untilCaughtUp("notifier");

  await shop.stack.kill("notifier", "SIGKILL");
  const second = await buy(5);
  await untilWritten("shipping", second);
  await untilCaughtUp("shipping.delivery-log");
  expect(await written("notifier", second)).toEqual([]);
  expect(Number((await consumers()).get("notifier")?.lagEvents)).toBeGreaterThanOrEqual(5);

  await shop.stack.start("notifier");
  await untilWritten("notifier", second);
  await untilCaughtUp("notifier");

  await shop.stack.kill("shipping", "SIGKILL");
  await shop.stack.start("shipping");
  const third = await buy(5);
  await untilWritten("shipping", third);
  expect(await written("shipping", [...first, ...second, ...third])).toEqual([...first, ...second, ...third].sort());
});

test("a replayed consumer reads again and records nothing twice, and other consumers keep their positions", async () => {
  const orders = await buy(3);
  await untilWritten("notifier", orders);
  await untilCaughtUp("notifier");
  const log = await untilCaughtUp("shipping.delivery-log");
  const { generation } = await untilCaughtUp("notifier");
  const { status, body } = await ask("POST /v1/consumers/notifier:replay", {
    generation,
    afterPosition: "0",
    reason: "somebody asked for it",
  });
  expect(status, JSON.stringify(body)).toBe(200);
  const after = await until(60_000, "the notifier to replay and catch up", async () => {
    const consumer = (await consumers()).get("notifier");
    return consumer?.lagEvents === "0" && consumer.generation !== generation ? consumer : undefined;
  });
  expect(BigInt(after.generation)).toBe(BigInt(generation) + 1n);
  expect(await written("notifier", orders)).toEqual(orders);
  expect((await consumers()).get("shipping.delivery-log")).toMatchObject({ generation: log.generation });
  expect(await shop.breaches()).toEqual([]);
});

test("the feeds of all three services can be read over REST, each order's events in order and without gaps", async () => {
  for (const feed of ["order", "payment", "shipping"]) {
    const sequences = new Map<string, number[]>();
    for (let after = "0", isLast = false; !isLast; ) {
      const { body } = await ask(`GET /v1/feeds/${feed}/events?pageSize=1000&afterPosition=${after}`);
      for (const { subject, sequence } of body.events) {
        sequences.set(subject, [...(sequences.get(subject) ?? []), Number(sequence)]);
      }
      isLast = body.nextPosition === after;
      after = body.nextPosition;
    }
    expect(sequences.size, feed).toBeGreaterThan(0);
    for (const [subject, found] of sequences) {
      expect(found, `${feed} ${subject}`).toEqual(found.map((_, index) => index + 1));
    }
  }
});

test("a caller who may not read the feed gets 401 or 403", async () => {
  const customer = await authorizationOf(shop.stack.addresses, "alice");
  for (const request of ["GET /v1/events", "GET /v1/events:subscribe", "GET /v1/consumers"]) {
    expect((await send(request, undefined, { authorization: customer })).status, request).toBe(403);
    expect((await send(request, undefined, {})).status, request).toBe(401);
  }
  const replay = { generation: "0", afterPosition: "0", reason: "r" };
  const refused = await send("POST /v1/consumers/notifier:replay", replay, { authorization: customer });
  expect(refused.status).toBe(403);
});
