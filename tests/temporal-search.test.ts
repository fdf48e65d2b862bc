import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { Client, Connection } from "@temporalio/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCustomer, makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, untilFinal } from "./support/shop.ts";

// What people see of orders in Temporal's own pages.

let shop: TestShop;
let connection: Connection;
let temporal: Client;
beforeAll(async () => {
  shop = await startShop();
  connection = await Connection.connect({ address: shop.stack.temporal.address });
  temporal = new Client({ connection, namespace: shop.stack.temporal.namespace });
});
afterAll(async () => {
  await connection?.close();
  await shop?.[Symbol.asyncDispose]();
});

/** Returns the ids of the workflows: one may have had several runs, each with the attribute, since a start is repeated. */
async function workflowsOf(orderId: string): Promise<string[]> {
  const ids = new Set<string>();
  for await (const { workflowId } of temporal.workflow.list({ query: `SagacartOrderId = "${orderId}"` })) {
    ids.add(workflowId);
  }
  return [...ids].sort();
}

test("a batch is found by each of its orders, and says what became of them", async () => {
  const [productId, soldOut] = [await makeProduct(shop.shop, 10), await makeProduct(shop.shop, 0)];
  const customerId = await makeCustomer(shop.shop, 10_000n);
  await shop.stack.kill("worker", "SIGTERM");
  const placed = await Promise.all(
    [
      { productId, paymentMethod: "pm_ok" },
      { productId, paymentMethod: "pm_ok" },
      { productId, paymentMethod: "pm_declined" },
      { productId: soldOut, paymentMethod: "pm_ok" },
    ].map(async ({ productId, paymentMethod }) => {
      const lines = [{ productId, quantity: 1 }];
      const { order } = await shop.shop.orders.checkout({
        ...{ customerId, lines, paymentMethod },
        waitFor: WaitFor.ACCEPTED,
      });
      return order!.id;
    }),
  );
  await shop.stack.start("worker");
  const orders = await Promise.all(placed.map((id) => untilFinal(shop.shop, id)));

  const [workflowId = ""] = new Set(orders.map((order) => order.workflowId));
  expect(workflowId).toMatch(/^checkout-/);
  for (const id of placed) {
    await expect.poll(() => workflowsOf(id)).toEqual([workflowId]);
  }
  const handle = temporal.workflow.getHandle(workflowId);
  const { summary } = await handle.result();
  expect(summary).toBe("4 orders, 2 completed, 1 sold out, 1 declined");
  expect(await (await handle.describe()).staticSummary()).toBe("4 orders");
  const metadata = await handle.query<{ currentDetails?: string }>("__temporal_workflow_metadata");
  expect(metadata.currentDetails).toBe(summary);
  expect((await handle.fetchHistory()).events?.length).toBe(6);
});

test("an order that leaves its batch, and its refund, are found by it as well", async () => {
  const productId = await makeProduct(shop.shop, 10);
  const customerId = await makeCustomer(shop.shop, 10_000n);
  const { order } = await shop.shop.orders.checkout({
    ...{ customerId, lines: [{ productId, quantity: 1 }], payLater: true },
    waitFor: WaitFor.PAID,
  });
  const { id } = order!;
  await shop.shop.orders.payOrder({ id, paymentMethod: "pm_ok", waitFor: WaitFor.COMPLETED });
  const { refund } = await shop.shop.orders.refundOrder({ orderId: id });

  const expected = [expect.stringMatching(/^checkout-/), `order-${id}`, `refund-${refund!.paymentRefundId}`];
  await expect.poll(() => workflowsOf(id)).toEqual(expected);
});
