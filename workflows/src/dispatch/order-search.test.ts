import { createLog } from "@sagacart/chassis/process/log";
import { expect, test, vi } from "vitest";
import { createOrderSearch, orderSearchAttribute } from "./order-search.ts";

const log = createLog({ service: "test", level: "silent" });
const unknown = () =>
  new Error("Failed to start Workflow", {
    cause: new Error(
      `3 INVALID_ARGUMENT: Namespace shop has no mapping defined for search attribute ${orderSearchAttribute}`,
    ),
  });

type More = { typedSearchAttributes?: unknown };
const attributesOf = (start: { mock: { calls: [More][] } }) =>
  start.mock.calls.map(([{ typedSearchAttributes }]) => typedSearchAttributes);
const withIds = (...value: string[]) => [{ key: { name: orderSearchAttribute, type: "KEYWORD_LIST" }, value }];

const uuids = (count: number) => Array.from({ length: count }, () => crypto.randomUUID());

test("a workflow is started with the ids of its orders", async () => {
  const start = vi.fn(async (_: More) => "started");
  expect(await createOrderSearch(log).start(["a", "b"], start)).toBe("started");
  expect(attributesOf(start)).toEqual([withIds("a", "b")]);
});

test.each<[string, readonly string[], boolean]>([
  ["one order", uuids(1), true],
  ["as many orders as Temporal takes", uuids(51), true],
  ["more orders", uuids(52), false],
  ["a thousand orders", uuids(1_000), false],
  ["few orders with long ids", Array.from({ length: 31 }, () => "x".repeat(63)), false],
  ["no orders", [], false],
])("a batch of %s: is it found by them?", async (_, orderIds, expected) => {
  const start = vi.fn(async (_: More) => {});
  await createOrderSearch(log).start(orderIds, start);
  expect(attributesOf(start)).toEqual([expected ? withIds(...orderIds) : undefined]);
});

test("where Temporal does not know the attribute, workflows start without it, and it is tried again later", async () => {
  let nowMs = 1_000;
  const warn = vi.spyOn(log, "warn");
  const search = createOrderSearch(log, () => nowMs);
  const start = vi.fn(async ({ typedSearchAttributes }: More) => {
    if (typedSearchAttributes !== undefined) throw unknown();
    return "started";
  });

  expect(await search.start(["a"], start)).toBe("started");
  expect(await search.start(["b"], start)).toBe("started");
  nowMs += 400_000;
  expect(await search.start(["c"], start)).toBe("started");

  expect(attributesOf(start)).toEqual([withIds("a"), undefined, undefined, withIds("c"), undefined]);
  expect(warn).toHaveBeenCalledOnce();
});

test("any other failure of a start is not hidden", async () => {
  const start = vi.fn(async () => {
    throw new Error("Temporal is down");
  });
  await expect(createOrderSearch(log).start(["a"], start)).rejects.toThrow("Temporal is down");
  expect(start).toHaveBeenCalledOnce();
});
