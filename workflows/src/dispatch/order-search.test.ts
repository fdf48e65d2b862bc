import { createLog } from "@sagacart/chassis/process/log";
import { isGrpcServiceError, WithStartWorkflowOperation } from "@temporalio/client";
import { type BaseWorkflowOptions, defineSearchAttributeKey } from "@temporalio/common";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { payUpdate } from "../sagas/messages.ts";
import { startTemporal, type Temporal } from "../testing/temporal-environment.ts";
import { createOrderSearch, orderSearchAttribute } from "./order-search.ts";

const log = createLog({ service: "test", level: "silent" });
const unknown = () =>
  new Error("Failed to start Workflow", {
    cause: new Error(
      `3 INVALID_ARGUMENT: Namespace shop has no mapping defined for search attribute ${orderSearchAttribute}`,
    ),
  });

type More = Pick<BaseWorkflowOptions, "typedSearchAttributes">;
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
])("sets the attribute for a batch of %s: %#", async (_, orderIds, expected) => {
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

/** An error of gRPC, as the SDK throws and wraps it. */
function grpcError({ code = 3, message = "invalid", details = "invalid", status = "" }): Error {
  const metadata = { get: (key: string) => (key === "grpc-status-details-bin" ? [Buffer.from(status)] : []) };
  const cause = Object.assign(new Error(message), { code, details, metadata });
  return new Error("Update-With-Start failed", { cause });
}

const about = `no mapping defined for search attribute ${orderSearchAttribute}`;
const startThat = (failure: (more: More) => Error | undefined) =>
  vi.fn(async (more: More) => {
    const error = failure(more);
    if (error !== undefined) throw error;
    return "started";
  });

test.each<[string, Parameters<typeof grpcError>[0]]>([
  ["in its message", { message: `3 INVALID_ARGUMENT: ${about}` }],
  ["in its details", { details: about }],
  ["in its status details", { status: `\n\u0003${about}` }],
  ["in its status details, with another code", { code: 9, status: about }],
  ["nowhere, but says that the start is invalid", {}],
  ["nowhere, but says that an update with start is invalid", { details: "Update-with-Start could not be executed." }],
])(
  "a refusal that names the attribute %s starts the workflow without it, and the next one at once",
  async (_, error) => {
    const warn = vi.spyOn(log, "warn").mockClear();
    const search = createOrderSearch(log);
    const start = startThat(({ typedSearchAttributes }) => (typedSearchAttributes ? grpcError(error) : undefined));

    expect(await search.start(["a"], start)).toBe("started");
    expect(await search.start(["b"], start)).toBe("started");

    expect(attributesOf(start)).toEqual([withIds("a"), undefined, undefined]);
    expect(warn).toHaveBeenCalledOnce();
  },
);

test("a start that is invalid for another reason fails after one more try, and the next one sets the attribute", async () => {
  const warn = vi.spyOn(log, "warn").mockClear();
  const search = createOrderSearch(log);
  const start = startThat(() => grpcError({}));

  await expect(search.start(["a"], start)).rejects.toThrow("Update-With-Start failed");
  await expect(search.start(["b"], start)).rejects.toThrow("Update-With-Start failed");

  expect(attributesOf(start)).toEqual([withIds("a"), undefined, withIds("b"), undefined]);
  expect(warn).not.toHaveBeenCalled();
});

describe("a Temporal server without the attribute", () => {
  let temporal: Temporal;
  beforeAll(async () => {
    temporal = await startTemporal({ hasAttribute: false });
  }, 600_000);
  afterAll(async () => await temporal?.[Symbol.asyncDispose]());

  test("starts a workflow", async () => {
    temporal.useActivities({});
    const { client, taskQueue } = temporal;
    const start = vi.fn((found: More) =>
      client.workflow.start("checkout", {
        ...found,
        args: [{ orderIds: ["a"], atOnce: true }],
        workflowId: crypto.randomUUID(),
        taskQueue,
      }),
    );
    const handle = await createOrderSearch(log).start(["a"], start);
    expect(await handle.result()).toMatchObject({ settled: 1 });
    expect(attributesOf(start)).toEqual([withIds("a"), undefined]);
  });

  test("starts a workflow and delivers its update", async () => {
    const { names } = temporal.useActivities({});
    const { client, taskQueue } = temporal;
    const workflowId = crypto.randomUUID();
    const start = vi.fn((found: More) =>
      client.workflow.startUpdateWithStart(payUpdate, {
        updateId: "pay-1",
        waitForStage: "ACCEPTED",
        startWorkflowOperation: new WithStartWorkflowOperation("order", {
          ...found,
          workflowId,
          args: [{ orderId: "a" }],
          taskQueue,
          workflowIdConflictPolicy: "USE_EXISTING",
        }),
      }),
    );
    const update = await createOrderSearch(log).start(["a"], start);
    await update.result();
    await client.workflow.getHandle(workflowId).result();
    expect(names()).toContain("look");
    expect(attributesOf(start)).toEqual([withIds("a"), undefined]);
  });

  test("says in the status details of a refused update that it is about the attribute", async () => {
    const { client, taskQueue } = temporal;
    const refused = async (found: More) =>
      await client.workflow.startUpdateWithStart(payUpdate, {
        waitForStage: "ACCEPTED",
        startWorkflowOperation: new WithStartWorkflowOperation("order", {
          ...found,
          workflowId: crypto.randomUUID(),
          args: [{ orderId: "a" }],
          taskQueue,
          workflowIdConflictPolicy: "USE_EXISTING",
        }),
      });
    const error: unknown = await refused({
      typedSearchAttributes: [{ key: defineSearchAttributeKey(orderSearchAttribute, "KEYWORD_LIST"), value: ["a"] }],
    }).catch((error) => error);
    // What a version of the SDK leaves that copies nothing of the status details into the message.
    const status = isGrpcServiceError(error) ? error.metadata.get("grpc-status-details-bin") : [];
    expect(status.some((bytes) => bytes.includes(orderSearchAttribute))).toBe(true);
  });
});

test("any other failure of a start is not hidden", async () => {
  const start = vi.fn(async () => {
    throw new Error("Temporal is down");
  });
  await expect(createOrderSearch(log).start(["a"], start)).rejects.toThrow("Temporal is down");
  expect(start).toHaveBeenCalledOnce();
});
