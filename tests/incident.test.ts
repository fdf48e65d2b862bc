import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { Incident_State } from "@sagacart/proto/order/v1/incident";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operatorTokens } from "../scripts/stack/tokens.ts";
import { makeCustomer, makeProduct } from "./support/scenario.ts";
import { quickWorker, startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

let test_: TestShop;
beforeAll(async () => {
  test_ = await startShop({ worker: quickWorker });
});
afterAll(() => test_?.[Symbol.asyncDispose]());

test("a poison order does not hold up the others of its batch, and completes when it is repaired", async () => {
  const { shop, stack } = test_;
  using channel = openChannel(stack.addresses.order!, { tokens: operatorTokens(stack.addresses) });
  const incidents = createServiceClient(IncidentService, channel);
  const db = new pg.Client({ connectionString: stack.databaseUrl("order") });
  await db.connect();
  await stack.kill("worker", "SIGTERM");
  const lines = [{ productId: await makeProduct(shop, 100), quantity: 1 }];
  const customerId = await makeCustomer(shop, 10_000n);
  const ids = Array.from({ length: 9 }, () => uuidv7());
  for (const orderId of ids) {
    await shop.orders.checkout({ orderId, customerId, lines, waitFor: WaitFor.ACCEPTED });
  }
  // Simulate a bug: an order without lines, for which stock refuses the whole batch.
  const bad = ids[4]!;
  const kept = await db.query("delete from order_lines where order_id = $1 returning *", [bad]);
  await stack.start("worker");

  const others = await Promise.all(ids.filter((id) => id !== bad).map((id) => untilFinal(shop, id)));
  expect(others.map(({ state }) => state)).toEqual(Array(8).fill(Order_State.COMPLETED));
  const incident = await until(60_000, "an incident", async () => {
    const { incidents: open } = await incidents.listIncidents({ orderId: bad, state: Incident_State.OPEN });
    return open[0];
  });
  expect(incident).toMatchObject({ step: "reserve", workflowId: `order-${bad}` });
  expect(incident.error).toContain("lines");

  const row = kept.rows[0];
  await db.query(
    `insert into order_lines (order_id, line_number, product_id, sku, title, quantity, unit_price_minor)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [row.order_id, row.line_number, row.product_id, row.sku, row.title, row.quantity, row.unit_price_minor],
  );
  await incidents.retryIncident({ id: incident.id });
  expect((await untilFinal(shop, bad)).state).toBe(Order_State.COMPLETED);
  await until(60_000, "the incident to be closed", async () => {
    const { incident: now } = await incidents.getIncident({ id: incident.id });
    return now?.state === Incident_State.RESOLVED ? now : undefined;
  });
  await db.end();
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
});

test("orders wait for a service that is down, and continue when it is back", async () => {
  const { shop, stack } = test_;
  const lines = [{ productId: await makeProduct(shop, 100), quantity: 1 }];
  const customerId = await makeCustomer(shop, 10_000n);
  await stack.kill("shipping", "SIGKILL");
  const orderId = uuidv7();
  const { order } = await shop.orders.checkout(
    { orderId, customerId, lines, waitFor: WaitFor.PAID },
    { timeoutMs: 60_000 },
  );
  expect(order?.state).toBe(Order_State.SHIPPING);
  await stack.start("shipping");
  expect((await untilFinal(shop, orderId)).state).toBe(Order_State.COMPLETED);
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
});
