import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCustomer, makeProduct, placeOneOfEach } from "./support/scenario.ts";
import { quickWorker, startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

let test_: TestShop;
beforeAll(async () => {
  test_ = await startShop({ worker: quickWorker });
});
afterAll(() => test_?.[Symbol.asyncDispose]());

test("every open order still ends after Temporal's database is deleted", async () => {
  const { shop, stack } = test_;
  const productId = await makeProduct(shop, 100);
  const customerId = await makeCustomer(shop, 10_000n);
  const lines = [{ productId, quantity: 1 }];
  const waiting = uuidv7();
  await shop.orders.checkout({ orderId: waiting, customerId, lines, payLater: true, waitFor: WaitFor.RESERVED });
  const late = uuidv7();
  await shop.orders.checkout({
    orderId: late,
    customerId,
    lines,
    paymentMethod: "pm_late",
    waitFor: WaitFor.RESERVED,
  });
  // Each is in a workflow of its own now: only Temporal knows its timers and signals.
  await until(60_000, "both orders to be handed over", async () => {
    const [a, b] = await Promise.all([shop.orders.getOrder({ id: waiting }), shop.orders.getOrder({ id: late })]);
    return a.order?.workflowId === `order-${waiting}` && b.order?.workflowId === `order-${late}` ? true : undefined;
  });
  await stack.kill("worker", "SIGKILL");
  const batch = await placeOneOfEach(shop);

  await stack.kill("temporal", "SIGKILL");
  const files = (await readdir(stack.stateDirectory)).filter((name) => name.startsWith("temporal.db"));
  expect(files).not.toEqual([]);
  await Promise.all(files.map((name) => rm(join(stack.stateDirectory, name))));
  await stack.start("temporal");
  await stack.start("worker");

  for (const [id, state] of batch) {
    expect((await untilFinal(shop, id)).state).toBe(state);
  }
  expect((await untilFinal(shop, late)).state).toBe(Order_State.COMPLETED);
  const { order } = await shop.orders.payOrder({ id: waiting }, { timeoutMs: 60_000 });
  expect(order?.state).toBe(Order_State.COMPLETED);
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
});
