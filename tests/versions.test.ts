import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import type { syntheticCheckout } from "@sagacart/workflows/sagas/synthetic";
import { Client, Connection, WorkflowFailedError } from "@temporalio/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { makeCustomer, makeProduct } from "./support/scenario.ts";
import { type FaultyWorker, startFaultyWorker, startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

// Five workers start one after another, and each bundles the workflows.
vi.setConfig({ testTimeout: 300_000 });

let test_: TestShop;
let connection: Connection;
let temporal: Client;
beforeAll(async () => {
  // Make Temporal notice within seconds, instead of minutes, that a worker is gone.
  const temporalSettings = { "matching.longPollExpirationInterval": '"2s"', "matching.PollerHistoryTTL": '"6s"' };
  test_ = await startShop({}, { temporalSettings });
  await test_.stack.kill("worker", "SIGTERM");
  connection = await Connection.connect({ address: test_.stack.temporal.address });
  temporal = new Client({ connection, namespace: test_.stack.temporal.namespace });
});
afterAll(async () => {
  await connection?.close();
  await test_?.[Symbol.asyncDispose]();
});

const deploymentName = "shop/checkout";

/** Starts a worker of this version with these faults; resolves when Temporal knows the version. */
async function startVersion(buildId: string, faults: Record<string, string> = {}): Promise<FaultyWorker> {
  const version = { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId };
  const worker = startFaultyWorker(test_.stack, { ...version, ...faults });
  await until(120_000, `a worker of version ${buildId}`, async () => {
    await connection.workflowService.describeWorkerDeploymentVersion({
      namespace: test_.stack.temporal.namespace,
      deploymentVersion: { deploymentName, buildId },
    });
    return true;
  });
  return await worker;
}

/** Makes a version current, as the Worker Controller does when its pods are ready and its rollout is complete. */
async function makeCurrent(buildId: string): Promise<void> {
  await until(120_000, `version ${buildId} to be current`, async () => {
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

/** Sets a version's share, as the Worker Controller does at a step of a rollout. */
async function ramp(buildId: string, percentage: number): Promise<void> {
  await connection.workflowService.setWorkerDeploymentRampingVersion({
    namespace: test_.stack.temporal.namespace,
    deploymentName,
    buildId,
    version: `${deploymentName}.${buildId}`,
    percentage,
    identity: "test",
    ignoreMissingTaskQueues: true,
  });
}

/** Runs a version's gate, as the Worker Controller does before it ramps. Returns its answer or the failure. */
async function gate(buildId: string, withinMs = 45_000): Promise<string> {
  try {
    return await temporal.workflow.execute<typeof syntheticCheckout>("syntheticCheckout", {
      workflowId: `gate-${buildId}-${uuidv7()}`,
      taskQueue: "checkout",
      args: [{ withinMs, tries: 2 }],
      versioningOverride: { pinnedTo: { deploymentName, buildId } },
    });
  } catch (error) {
    if (error instanceof WorkflowFailedError) {
      return `${error.cause?.message}`;
    }
    throw error;
  }
}

async function versionOf(workflowId: string): Promise<string | null | undefined> {
  const { workflowExecutionInfo } = await connection.workflowService.describeWorkflowExecution({
    namespace: test_.stack.temporal.namespace,
    execution: { workflowId },
  });
  return workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
}

/** Waits for the version of a workflow: Temporal learns it from the first task, maybe shortly after the order ends. */
async function heardVersionOf(workflowId: string): Promise<string> {
  return await until(60_000, `the version of ${workflowId}`, async () => (await versionOf(workflowId)) ?? undefined);
}

/** Buys `count` times in sequence. Returns the number of orders that each version ran. */
async function buy(count: number): Promise<Record<string, number>> {
  const { shop } = test_;
  const lines = [{ productId: await makeProduct(shop, count), quantity: 1 }];
  const customerId = await makeCustomer(shop, 100n * BigInt(count));
  const carried: Record<string, number> = {};
  for (let n = 0; n < count; n++) {
    const { order } = await shop.orders.checkout({ customerId, lines }, { timeoutMs: 60_000 });
    expect(order?.state).toBe(Order_State.COMPLETED);
    const version = await heardVersionOf(order?.workflowId ?? "");
    carried[version] = (carried[version] ?? 0) + 1;
  }
  return carried;
}

/** The synthetic orders so far. */
async function syntheticOrders(): Promise<{ id: string; state: Order_State }[]> {
  const customers = ["synthetic-buyer", "synthetic-pauper"];
  const pages = await Promise.all(
    customers.map((customerId) => test_.shop.orders.listOrders({ customerId, pageSize: 200 })),
  );
  return pages.flatMap(({ orders }) => orders);
}

let one: FaultyWorker;
let two: FaultyWorker;
let four: FaultyWorker;

test("the first version claims no orders until its gate has passed and it is current", async () => {
  const { shop } = test_;
  one = await startVersion("one");
  const lines = [{ productId: await makeProduct(shop, 1), quantity: 1 }];
  const customerId = await makeCustomer(shop, 100n);
  const { order } = await shop.orders.checkout({ customerId, lines, waitFor: WaitFor.ACCEPTED });
  expect(await gate("one")).toMatch(/ended as they must/);
  // The gate takes a while; a current version would have claimed the order within milliseconds.
  expect((await shop.orders.getOrder({ id: order!.id })).order?.workflowId).toBe("");
  await makeCurrent("one");
  expect((await untilFinal(shop, order!.id)).state).toBe(Order_State.COMPLETED);
  expect(await heardVersionOf((await shop.orders.getOrder({ id: order!.id })).order!.workflowId)).toBe("one");
});

test("an order stays with the version that started it, and new orders go to the current version", async () => {
  const { shop } = test_;
  const lines = [{ productId: await makeProduct(shop, 10), quantity: 1 }];
  const customerId = await makeCustomer(shop, 1_000n);
  const orderId = uuidv7();
  await shop.orders.checkout(
    { orderId, customerId, lines, payLater: true, waitFor: WaitFor.PAID },
    { timeoutMs: 60_000 },
  );
  await until(120_000, "the order's own workflow", () => versionOf(`order-${orderId}`).then((id) => id ?? undefined));

  two = await startVersion("two");
  expect(await buy(3)).toEqual({ one: 3 });
  await makeCurrent("two");
  const paid = await shop.orders.payOrder({ id: orderId }, { timeoutMs: 60_000 });
  expect(paid.order?.state).toBe(Order_State.COMPLETED);
  expect(await versionOf(`order-${orderId}`)).toBe("one");
  await until(60_000, "version one to stop claiming", async () =>
    JSON.stringify(await buy(3)) === JSON.stringify({ two: 3 }) ? true : undefined,
  );
});

test("a version that is being rolled out gets its share of the orders, and the current version the rest", async () => {
  // Version one is back, with the share of the orders that its rollout has reached.
  await ramp("one", 50);
  const both = await until(120_000, "both versions to run orders", async () => {
    const carried = await buy(20);
    return (carried.one ?? 0) >= 4 && (carried.two ?? 0) >= 4 ? carried : undefined;
  });
  expect(Object.keys(both).sort()).toEqual(["one", "two"]);
  await ramp("one", 0);
});

test("a version whose gate fails never gets an order, and the current version ends the gate's orders", async () => {
  const three = await startVersion("three", { FAULT_BREAKS: "charge" });
  const before = new Set((await syntheticOrders()).map(({ id }) => id));
  expect(await gate("three", 3_000)).toMatch(/took longer than 3000 ms; order .* is PENDING, not COMPLETED/);
  expect(await buy(5)).toEqual({ two: 5 });
  const left = (await syntheticOrders()).filter(({ id }) => !before.has(id));
  // Two attempts with two orders each.
  expect(left).toHaveLength(4);
  for (const { id } of left) {
    const { workflowId } = await untilFinal(test_.shop, id);
    expect(await heardVersionOf(workflowId)).toBe("two");
  }
  await three.stop();
});

test("an order whose version is gone continues on the current version", async () => {
  const { shop } = test_;
  const lines = [{ productId: await makeProduct(shop, 1), quantity: 1 }];
  const customerId = await makeCustomer(shop, 100n);
  const orderId = uuidv7();
  await shop.orders.checkout({ orderId, customerId, lines, payLater: true, waitFor: WaitFor.PAID });
  await until(120_000, "its own workflow", async () =>
    (await versionOf(`order-${orderId}`)) === "two" ? true : undefined,
  );
  four = await startVersion("four");
  await makeCurrent("four");
  await two.stop();
  await until(120_000, "the order to have a workflow on version four", async () =>
    (await versionOf(`order-${orderId}`)) === "four" ? true : undefined,
  );
  const paid = await shop.orders.payOrder({ id: orderId }, { timeoutMs: 60_000 });
  expect(paid.order?.state).toBe(Order_State.COMPLETED);
});

test("synthetic orders are not delivered, their product is not listed, and the audit is clean", async () => {
  const { shop } = test_;
  const { products } = await shop.products.listProducts({ pageSize: 200 });
  expect(products.length).toBeGreaterThan(0);
  expect(products.map(({ id }) => id)).not.toContain("synthetic-checkout");
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
  await Promise.all([one.stop(), four.stop()]);
});
