import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { Connection } from "@temporalio/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCustomer, makeProduct } from "./support/scenario.ts";
import { startFaultyWorker, startShop, type TestShop, until } from "./support/shop.ts";

let test_: TestShop;
let connection: Connection;
beforeAll(async () => {
  test_ = await startShop();
  await test_.stack.kill("worker", "SIGTERM");
  connection = await Connection.connect({ address: test_.stack.temporal.address });
});
afterAll(async () => {
  await connection?.close();
  await test_?.[Symbol.asyncDispose]();
});

const deploymentName = "shop/checkout";

/** What the Worker Controller does when a version's pods are ready and its rollout is complete. */
async function makeCurrent(buildId: string): Promise<void> {
  await until(30_000, `version ${buildId} to be current`, async () => {
    await connection.workflowService.setWorkerDeploymentCurrentVersion({
      namespace: test_.stack.temporal.namespace,
      deploymentName,
      buildId,
      version: `${deploymentName}.${buildId}`,
      identity: "test",
      ignoreMissingTaskQueues: true,
    });
    return true;
  });
}

async function versionOf(workflowId: string): Promise<string | null | undefined> {
  const { workflowExecutionInfo } = await connection.workflowService.describeWorkflowExecution({
    namespace: test_.stack.temporal.namespace,
    execution: { workflowId },
  });
  return workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
}

test("an order stays with the version of the worker that began it, and new ones go to the current one", async () => {
  const { shop, stack } = test_;
  const version = (buildId: string) =>
    startFaultyWorker(stack, { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId });
  const one = await version("one");
  await makeCurrent("one");
  const lines = [{ productId: await makeProduct(shop, 10), quantity: 1 }];
  const customerId = await makeCustomer(shop, 1_000n);
  const orderId = uuidv7();
  await shop.orders.checkout(
    { orderId, customerId, lines, payLater: true, waitFor: WaitFor.PAID },
    { timeoutMs: 30_000 },
  );
  await until(30_000, "the order's own workflow", () => versionOf(`order-${orderId}`).then((id) => id ?? undefined));

  const two = await version("two");
  await makeCurrent("two");
  const paid = await shop.orders.payOrder({ id: orderId }, { timeoutMs: 30_000 });
  expect(paid.order?.state).toBe(Order_State.COMPLETED);
  expect(await versionOf(`order-${orderId}`)).toBe("one");

  await one.stop();
  const next = await shop.orders.checkout({ customerId, lines }, { timeoutMs: 30_000 });
  expect(next.order?.state).toBe(Order_State.COMPLETED);
  // Temporal hears of it with the workflow's first task, a moment after the caller was answered.
  const ran = await until(10_000, "the batch", () =>
    versionOf(next.order?.workflowId ?? "").then((id) => id ?? undefined),
  );
  expect(ran).toBe("two");
  await two.stop();
  expect(await test_.breaches({ standingAfterMs: 0 })).toEqual([]);
});
