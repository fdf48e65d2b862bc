import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { startTestFeed, type TestFeed } from "@sagacart/outbox/testing/test-feed";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { shippingEnv } from "../testing/stack.ts";

let stack: AsyncDisposableStack;
let orders: TestFeed;
let database: TestDatabase;
let processes: AsyncDisposableStack;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  orders = stack.use(await startTestFeed("/sagacart/order"));
  database = stack.use(await testDatabase(new URL("../../migrations/", import.meta.url)));
  processes = new AsyncDisposableStack();
});

afterAll(() => stack.disposeAsync());

afterEach(async () => {
  await processes.disposeAsync();
  processes = new AsyncDisposableStack();
});

const completed = "sagacart.order.completed.v1";

function complete(orderIds: readonly string[]): Promise<void> {
  return orders.publish(
    orderIds.map((subject) => ({
      subject,
      sequence: 5,
      type: completed,
      data: { orderId: subject, customerId: `of-${subject}`, trackingNumber: `track-${subject}` },
    })),
  );
}

async function logged(prefix: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ order_id: string }>(
    "select order_id from delivery_log where starts_with(order_id, $1) order by order_id",
    [prefix],
  );
  return rows.map(({ order_id }) => order_id);
}

test("each completed order has one row and one line, and no other order has", async () => {
  const shipping = await start();
  await orders.publish([{ subject: "one-0", sequence: 1, type: "sagacart.order.paid.v1", data: {} }]);
  await complete(["one-1", "one-2"]);
  await expect.poll(() => logged("one-")).toEqual(["one-1", "one-2"]);
  const { rows } = await database.pool.query("select * from delivery_log where order_id = 'one-1'");
  expect(rows[0]).toMatchObject({
    customer_id: "of-one-1",
    tracking_number: "track-one-1",
    event_id: expect.any(String),
    complete_time: expect.any(Date),
  });
  await expect.poll(() => shipping.lines).toEqual(["one-1", "one-2"]);
});

test("an order whose event lacks fields is logged too, and does not hold up the others", async () => {
  await start();
  await orders.publish([{ subject: "strange-1", sequence: 5, type: completed, data: { customerId: 7 } }]);
  await complete(["strange-2"]);
  await expect.poll(() => logged("strange-")).toEqual(["strange-1", "strange-2"]);
});

test("a claimed order takes its shipment along, and no other order's", async () => {
  await start();
  const guestCustomerId = "of-claimed-1";
  await database.pool.query(
    `insert into shipments (order_id, customer_id, kind, state, event_sequence)
     select id, $1, 'PICKUP', 'ACCEPTED', 0 from unnest('{claimed-1,claimed-2}'::text[]) as id`,
    [guestCustomerId],
  );
  await complete(["claimed-1", "claimed-2"]);
  const claim = (subject: string, from: string) => {
    const data = { orderId: subject, customerId: "ann", guestCustomerId: from };
    return { subject, sequence: 6, type: "sagacart.order.claimed.v1", data };
  };
  await orders.publish([claim("claimed-2", "somebody-else"), claim("claimed-1", guestCustomerId)]);
  const owners = async (table: string) => {
    const { rows } = await database.pool.query(
      `select customer_id from ${table} where order_id in ('claimed-1', 'claimed-2') order by order_id`,
    );
    return rows.map(({ customer_id }) => customer_id);
  };
  await expect.poll(() => owners("shipments")).toEqual(["ann", guestCustomerId]);
  expect(await owners("delivery_log")).toEqual(["ann", "of-claimed-2"]);
});

test("a process that is killed in the middle of its log leaves one row for each order", async () => {
  const ids = Array.from({ length: 200 }, (_, index) => `killed-${String(index).padStart(3, "0")}`);
  let shipping = await start();
  for (let from = 0; from < ids.length; from += 10) {
    await complete(ids.slice(from, from + 10));
    if (from % 100 === 50) {
      await expect.poll(async () => (await logged("killed-")).length, { interval: 1 }).toBeGreaterThan(from - 50);
      await shipping.kill();
      shipping = await start();
    }
  }
  await expect.poll(() => logged("killed-")).toEqual(ids);
});

test("orders completed while shipping was down are logged when it starts; a replay logs nothing twice", async () => {
  await complete(["away-1", "away-2"]);
  const shipping = await start();
  await expect.poll(() => logged("away-")).toEqual(["away-1", "away-2"]);
  const name = "shipping.delivery-log";
  await expect.poll(async () => (await orders.consumers.getConsumer({ name })).consumer?.lagEvents).toBe(0n);
  const { consumer } = await orders.consumers.getConsumer({ name });
  await database.pool.query("delete from delivery_log where order_id = 'away-1'");
  await orders.consumers.replayConsumer({
    name,
    generation: consumer!.generation,
    target: { case: "afterPosition", value: 0n },
    reason: "a row was lost",
  });
  // It hears of that with its next acknowledgement, which comes sooner where there is something to acknowledge.
  await complete(["away-3"]);
  await expect.poll(() => logged("away-")).toEqual(["away-1", "away-2", "away-3"]);
  await expect.poll(() => shipping.lines.toSorted()).toEqual(["away-1", "away-1", "away-2", "away-3"]);
});

/** A process of shipping that reads the feed, and whose orders it said in its log. */
async function start(): Promise<{ lines: string[]; kill(): Promise<void> }> {
  const env = shippingEnv({ databaseUrl: database.url, carrierUrl: "http://127.0.0.1:1" });
  const child = spawn(process.execPath, [fileURLToPath(new URL("../main.ts", import.meta.url))], {
    env: { ...process.env, AUTH: "off", ...env, ORDER_ADDRESS: orders.address, PORT: "0", ADMIN_PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const ready = Promise.withResolvers<number>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { msg, port, orderId } = JSON.parse(line) as { msg: string; port: number; orderId: string };
    if (msg === "ready") {
      ready.resolve(port);
    }
    if (msg === "an order goes to its customer") {
      lines.push(orderId);
    }
  });
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  };
  processes.defer(kill);
  const channel = processes.use(openChannel(`127.0.0.1:${await ready.promise}`));
  // It serves its callers whether or not it reads.
  await createServiceClient(ShippingService, channel).listShipments({});
  return { lines, kill };
}
