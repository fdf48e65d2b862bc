import { Code } from "@connectrpc/connect";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { describe, expect, test } from "vitest";
import { anOrder, fakeSaga, fakeServices, refusal, workflowId } from "../testing/fake-services.ts";
import { createOrderCache } from "./order-cache.ts";

/** A cache over an order service that knows these orders; `calls` lists what it was asked for. */
function cacheOf(ids: readonly string[], maxOrders?: number) {
  const { services, calls } = fakeServices({ saga: fakeSaga(ids.map((id) => anOrder(id, "PENDING"))) });
  return { cache: createOrderCache(services.saga, maxOrders), calls };
}

test("take returns the orders that this workflow owns", async () => {
  const { cache } = cacheOf(["a", "b"]);
  const taken = await cache.take(workflowId, ["a", "another", "b"]);
  expect([...taken.keys()]).toEqual(["a", "b"]);
});

test("take asks for at most 250 orders a call", async () => {
  const ids = Array.from({ length: 501 }, (_, index) => `o${index}`);
  const { cache, calls } = cacheOf(ids);
  expect((await cache.take(workflowId, ids)).size).toBe(501);
  expect(calls.map(([, request]) => (request as { orderIds: string[] }).orderIds.length)).toEqual([250, 250, 1]);
});

test("take asks again each time; recall does not ask for what was taken", async () => {
  const { cache, calls } = cacheOf(["a", "b"]);
  await cache.take(workflowId, ["a", "b"]);
  expect([...(await cache.recall(workflowId, ["b"])).keys()]).toEqual(["b"]);
  expect(calls).toHaveLength(1);
  await cache.take(workflowId, ["a"]);
  expect(calls).toHaveLength(2);
});

test("recall takes all orders again when one of them is not known", async () => {
  const { cache, calls } = cacheOf(["a", "b"]);
  await cache.take(workflowId, ["a"]);
  expect([...(await cache.recall(workflowId, ["a", "b"])).keys()]).toEqual(["a", "b"]);
  expect(calls.at(-1)).toEqual(["saga.batchBegin", { workflowId, orderIds: ["a", "b"] }]);
});

test("what one workflow took is not recalled for another", async () => {
  const { cache, calls } = cacheOf(["a"]);
  await cache.take(workflowId, ["a"]);
  await cache.recall("order-a", ["a"]);
  expect(calls.at(-1)).toEqual(["saga.batchBegin", { workflowId: "order-a", orderIds: ["a"] }]);
});

test("a full cache evicts the orders that were taken first", async () => {
  const { cache, calls } = cacheOf(["a", "b", "c"], 2);
  await cache.take(workflowId, ["a"]);
  await cache.take(workflowId, ["b", "c"]);
  await cache.recall(workflowId, ["b", "c"]);
  expect(calls).toHaveLength(2);
  await cache.recall(workflowId, ["a"]);
  expect(calls).toHaveLength(3);
});

describe("after a move", () => {
  test.each(["RESERVED", "AWAITING_PAYMENT", "PAID", "SHIPPING", "CANCELLING"] as const)(
    "an order that is %s is recalled in that state",
    async (state) => {
      const { cache, calls } = cacheOf(["a"]);
      await cache.take(workflowId, ["a"]);
      cache.moved(workflowId, [{ orderId: "a", state: Order_State[state] }]);
      expect((await cache.recall(workflowId, ["a"])).get("a")?.state).toBe(Order_State[state]);
      expect(calls).toHaveLength(1);
    },
  );

  test.each(["COMPLETED", "REJECTED", "CANCELLED", "EXPIRED", "UNSPECIFIED"] as const)(
    "an order that is %s is forgotten",
    async (state) => {
      const { cache, calls } = cacheOf(["a"]);
      await cache.take(workflowId, ["a"]);
      cache.moved(workflowId, [{ orderId: "a", state: Order_State[state] }]);
      await cache.recall(workflowId, ["a"]);
      expect(calls).toHaveLength(2);
    },
  );

  test("an order that is not known stays unknown", async () => {
    const { cache, calls } = cacheOf(["a"]);
    cache.moved(workflowId, [{ orderId: "a", state: Order_State.PAID }]);
    await cache.recall(workflowId, ["a"]);
    expect(calls).toHaveLength(1);
  });
});

test("a take that fails remembers nothing", async () => {
  const failing = () => {
    throw refusal("DATABASE_UNAVAILABLE", Code.Unavailable);
  };
  const { services, calls } = fakeServices({ saga: { batchBegin: failing } });
  const cache = createOrderCache(services.saga);
  await expect(cache.take(workflowId, ["a"])).rejects.toMatchObject({ code: Code.Unavailable });
  await expect(cache.recall(workflowId, ["a"])).rejects.toMatchObject({ code: Code.Unavailable });
  expect(calls).toHaveLength(2);
});
