import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectShop, type Shop } from "../scripts/demo/shop.ts";
import { freePorts } from "../scripts/stack/ports.ts";
import { makeCustomer, makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// Two processes of the order service with one database. The worker is connected to the first one only, so a caller of
// the second one always waits for a change by the other process.

let test_: TestShop;
let second: ChildProcess;
let shop: Shop & Disposable;
beforeAll(async () => {
  test_ = await startShop();
  const [port = 0] = await freePorts(1, { withAdminPort: true });
  second = spawn(process.execPath, [fileURLToPath(new URL("../services/order/src/main.ts", import.meta.url))], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      PORT: `${port}`,
      LOG_LEVEL: "error",
      DATABASE_URL: test_.stack.servingUrl("order"),
      ...test_.stack.tokenEnv("order"),
      STOCK_ADDRESS: test_.stack.addresses.stock,
    },
  });
  shop = connectShop({ ...test_.stack.addresses, order: `127.0.0.1:${port}` });
  await until(60_000, "the second order service", () => shop.orders.listOrders({}));
});
afterAll(async () => {
  shop?.[Symbol.dispose]();
  second?.kill("SIGKILL");
  await test_?.[Symbol.asyncDispose]();
});

test("a caller that waits at one process is woken by a change at the other", async () => {
  const lines = [{ productId: await makeProduct(shop, 100), quantity: 1 }];
  const customerId = await makeCustomer(shop, 10_000n);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => shop.orders.checkout({ customerId, lines }, { timeoutMs: 60_000 })),
  );
  expect(answers.map(({ order }) => order?.state)).toEqual(Array(20).fill(Order_State.COMPLETED));
});

test("a watch at one process receives the changes made at the other", async () => {
  const lines = [{ productId: await makeProduct(shop, 1), quantity: 1 }];
  const customerId = await makeCustomer(shop, 100n);
  const { order } = await shop.orders.checkout({ customerId, lines, waitFor: WaitFor.ACCEPTED });
  const states: Order_State[] = [];
  for await (const { changes } of shop.orders.watchOrder({ id: order!.id })) {
    states.push(...changes.map(({ state }) => state));
  }
  expect(states).toEqual([
    Order_State.PENDING,
    Order_State.RESERVED,
    Order_State.PAID,
    Order_State.SHIPPING,
    Order_State.COMPLETED,
  ]);
});

test("two processes that get the same request id at the same time create one order", async () => {
  const lines = [{ productId: await makeProduct(shop, 100), quantity: 1 }];
  const customerId = await makeCustomer(shop, 10_000n);
  const request = { customerId, lines, requestId: "both" };
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      (n % 2 === 0 ? shop : test_.shop).orders.checkout(request, { timeoutMs: 60_000 }),
    ),
  );
  expect(new Set(answers.map(({ order }) => order?.id)).size).toBe(1);
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
});
