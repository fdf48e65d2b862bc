import { createClient } from "@connectrpc/connect";
import { openChannel } from "@sagacart/chassis/client/client";
import { errorInfo } from "@sagacart/chassis/errors";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Erasing, startErasing } from "./erasing.ts";
import { startTestIdentityFeed, type TestIdentityFeed } from "./testing/identity.ts";
import { plant } from "./testing/plant.ts";

let identity: TestIdentityFeed;
let database: TestDatabase;
let stack: AsyncDisposableStack;

beforeAll(async () => {
  identity = await startTestIdentityFeed();
  database = await testDatabase(new URL("../../shipping/migrations/", import.meta.url));
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await identity?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

function start(options: { settleMs?: number } = {}): Erasing {
  const channel = stack.use(openChannel(identity.address));
  const erasing = startErasing({
    ...{ service: "shipping", pool: database.pool, log: silentLog, channel, after: ["order"] },
    ...{ settleMs: 0, retryMs: 20, pollMs: 20, allowed: [OrderService.method.refundOrder] },
    ...options,
  });
  for (const part of erasing.background) {
    stack.use(part);
  }
  return erasing;
}

async function plantCustomer(id: string): Promise<void> {
  for (const text of plant("shipping", id)) {
    await database.pool.query(text);
  }
}

async function addressOf(id: string): Promise<unknown> {
  const { rows } = await database.pool.query("select address from shipments where order_id = $1", [`order-${id}`]);
  return rows[0]?.address;
}

async function stateOf(id: string): Promise<unknown> {
  const { rows } = await database.pool.query(
    `select done_time is not null as done, report_time is not null as reported from erasures where customer_id = $1`,
    [id],
  );
  return rows[0];
}

const erasedAddress = {};
const plantedAddress = (id: string) => ({ recipient: `secret of ${id}`, line1: `secret of ${id}` });

test("a deleted user's data is deleted, and that is reported once the services before are done", async () => {
  await plantCustomer("ada");
  start();
  await identity.deleteUsers(["ada"]);
  await expect.poll(() => addressOf("ada")).toEqual(erasedAddress);
  expect(await stateOf("ada")).toEqual({ done: false, reported: false });
  expect(identity.reports).not.toContain("shipping ada");

  identity.finishOrder("ada");

  await expect.poll(() => stateOf("ada")).toEqual({ done: true, reported: true });
  expect(identity.reports).toContain("shipping ada");
});

test("what an order under way needs stays until it ends", async () => {
  await plantCustomer("bob");
  await database.pool.query(
    "update shipments set state = 'PENDING', refusal_reason = '', ask_time = 'infinity' where order_id = 'order-bob'",
  );
  identity.finishOrder("bob");
  start();
  await identity.deleteUsers(["bob"]);
  await expect
    .poll(async () => {
      const { rows } = await database.pool.query("select tries from erasures where customer_id = 'bob'");
      return rows[0]?.tries;
    })
    .toBeGreaterThan(2);
  expect(await addressOf("bob")).toEqual(plantedAddress("bob"));
  expect(await stateOf("bob")).toEqual({ done: false, reported: false });

  await database.pool.query("update shipments set state = 'ACCEPTED', ask_time = null where order_id = 'order-bob'");

  await expect.poll(() => stateOf("bob")).toEqual({ done: true, reported: true });
  expect(await addressOf("bob")).toEqual(erasedAddress);
});

test("nothing is deleted before calls that had begun earlier have ended", async () => {
  await plantCustomer("cem");
  identity.finishOrder("cem");
  const erasing = start({ settleMs: 3_600_000 });
  await identity.deleteUsers(["cem"]);
  await expect.poll(() => erasing.isErased("cem")).toBe(true);
  expect(await addressOf("cem")).toEqual(plantedAddress("cem"));

  await database.pool.query("update erasures set next_try_time = now() where customer_id = 'cem'");

  await expect.poll(() => stateOf("cem")).toEqual({ done: true, reported: true });
});

test("an event that comes again changes nothing", async () => {
  start();
  identity.finishOrder("eve");
  await identity.deleteUsers(["eve"]);
  await expect.poll(() => stateOf("eve")).toEqual({ done: true, reported: true });
  const { rows: before } = await database.pool.query("select * from erasures where customer_id = 'eve'");

  await database.pool.query("update erasure_cursors set position = 0, generation = generation + 1");
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
  start();
  identity.finishOrder("fay");
  await identity.publish([{ subject: "fay", sequence: 1, type: "sagacart.user.deleted.v1", data: {} }]);

  await expect.poll(() => stateOf("fay")).toEqual({ done: true, reported: true });
  const { rows: after } = await database.pool.query("select * from erasures where customer_id = 'eve'");
  expect(after).toEqual(before);
});

test("changes under a deleted customer's id are refused, in every process and after a restart", async () => {
  const calls: string[] = [];
  const record = (call: string) => {
    calls.push(call);
    return {};
  };
  const routesOf = (erasing: Erasing) =>
    erasing.routes((router) => {
      router.service(OrderService, {
        checkout: ({ customerId }) => record(`checkout ${customerId}`),
        refundOrder: ({ customerId }) => record(`refund ${customerId}`),
        listOrders: ({ customerId }) => record(`list ${customerId}`),
      });
    });
  const [one, other] = [start(), start()];
  await identity.deleteUsers(["gil"]);
  await expect.poll(() => [one.isErased("gil"), other.isErased("gil")]).toEqual([true, true]);
  // A process that has not loaded the deleted customers yet answers when it has.
  const restarted = start();

  for (const erasing of [one, other, restarted]) {
    calls.length = 0;
    const orders = createClient(OrderService, inMemory(routesOf(erasing), "order.sagacart"));
    const refusal = await orders.checkout({ customerId: "gil" }).catch(errorInfo);
    expect(refusal).toMatchObject({ reason: "CUSTOMER_ERASED", metadata: { customer_id: "gil" } });
    await orders.checkout({ customerId: "hal" });
    await orders.listOrders({ customerId: "gil" });
    await orders.refundOrder({ customerId: "gil", orderId: "o" });
    expect(calls).toEqual(["checkout hal", "list gil", "refund gil"]);
  }
});

test("an export has every record once, whatever the page size", async () => {
  await plantCustomer("ida");
  for (let index = 0; index < 7; index++) {
    await database.pool.query(
      `insert into delivery_log (order_id, event_id, customer_id, tracking_number, complete_time)
       values ($1, 'event', 'ida', 'T', now())`,
      [`ida-${index}`],
    );
  }
  const routes = start().routes(() => {});
  const client = createClient(PersonalDataService, inMemory(routes, "shipping.sagacart"));
  const all = await client.exportPersonalData({ customerId: "ida" });
  expect(all.nextPageToken).toBe("");
  expect(all.records.map(({ section }) => section)).toEqual([
    ...["shipments", "shipments"],
    ...Array.from({ length: 8 }, () => "deliveries"),
    "shipmentEvents",
  ]);
  for (const pageSize of [1, 2, 3, 8, 9, 10]) {
    const records: string[] = [];
    let pageToken = "";
    do {
      const page = await client.exportPersonalData({ customerId: "ida", pageSize, pageToken });
      expect(page.records.length).toBeLessThanOrEqual(pageSize);
      records.push(...page.records.map(({ data }) => data));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(records).toEqual(all.records.map(({ data }) => data));
  }
  const forged = Buffer.from(JSON.stringify([JSON.stringify(["personal data", "ida"]), 99, "[]"])).toString(
    "base64url",
  );
  for (const pageToken of ["x", forged, forged.slice(1)]) {
    const refusal = await client.exportPersonalData({ customerId: "ida", pageToken }).catch(errorInfo);
    expect(refusal).toMatchObject({ reason: "BAD_PAGE_TOKEN" });
  }
});
