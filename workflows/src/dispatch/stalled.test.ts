import { createMetrics } from "@sagacart/chassis/process/metrics";
import { silentLog } from "@sagacart/chassis/testing/log";
import { WorkflowNotFoundError } from "@temporalio/client";
import { expect, test, vi } from "vitest";
import { type Call, fakeCommands } from "../testing/fake-services.ts";
import { type FakeWorkflow, fakeTemporal } from "../testing/fake-temporal.ts";
import { createMeters } from "./meters.ts";
import { unversioned, type Version } from "./routing.ts";
import { dispatchStalled } from "./stalled.ts";

const ours = { deploymentName: "shop/checkout", buildId: "v2" };
const old = { deploymentName: "shop/checkout", buildId: "v1" };
const pinned = 1;

/** Runs one round over stalled orders of these workflows. */
async function oneRound(
  owners: readonly string[],
  workflows: Readonly<Record<string, FakeWorkflow>>,
  pollers: readonly Version[] = [ours],
) {
  const temporal = fakeTemporal({ workflows, taskQueue: () => ({ pollers }) });
  const { commands, calls } = fakeCommands({
    listStalledCommands: () => ({
      commands: owners.map((ownerWorkflowId, index) => ({ command: { id: `c${index}` }, ownerWorkflowId })),
    }),
    restartCommands: ({ items }) => ({ commandIds: items.map(({ commandId }) => commandId) }),
  });
  const metrics = createMetrics("worker");
  const rounds = vi.fn();
  const dispatch = dispatchStalled({
    temporal: temporal.client,
    routing: {
      ...unversioned,
      async whileInUse(signal, run) {
        try {
          return await run(signal);
        } finally {
          rounds();
        }
      },
    },
    commands,
    log: silentLog,
    meters: createMeters(metrics, 4),
    stalledAfterMs: 120_000,
    intervalMs: 60_000,
  });
  await vi.waitFor(() => expect(rounds).toHaveBeenCalled());
  await dispatch[Symbol.asyncDispose]();
  return { temporal, calls, metrics };
}

function restartedIn(calls: readonly Call[]): unknown {
  return calls.find(([rpc]) => rpc === "restartCommands")?.[1];
}

const restarted = (ownerWorkflowId: string) => ({ items: [{ commandId: "c0", ownerWorkflowId }] });

test("orders that are unchanged for the given time are asked for", async () => {
  const { calls } = await oneRound([], {});
  expect(calls).toEqual([["listStalledCommands", { stalledFor: "120s" }]]);
});

test.each<[string, FakeWorkflow]>([
  ["does not exist", { status: new WorkflowNotFoundError("not found", "w", undefined) }],
  ["was terminated", { status: "TERMINATED" }],
  ["has failed", { status: "FAILED" }],
  ["has completed", { status: "COMPLETED" }],
])("an order whose workflow %s is restarted", async (_, workflow) => {
  const { calls, metrics, temporal } = await oneRound(["w"], { w: workflow });
  expect(restartedIn(calls)).toEqual(restarted("w"));
  expect(temporal.terminate).not.toHaveBeenCalled();
  expect(await metrics.getSingleMetricAsString("sagacart_orders_restarted_total")).toMatch(/ 1$/m);
});

test("an order that no workflow ever took is restarted", async () => {
  const { calls } = await oneRound([""], {});
  expect(restartedIn(calls)).toEqual({ items: [{ commandId: "c0" }] });
});

test.each<[string, FakeWorkflow]>([
  ["runs without a version", {}],
  ["is pinned to a version that polls", { versioning: { behavior: pinned, deploymentVersion: ours } }],
  ["is not pinned to its version", { versioning: { behavior: 2, deploymentVersion: old } }],
  [
    "was moved to a version that polls",
    { versioning: { behavior: pinned, deploymentVersion: old, versioningOverride: { pinned: { version: ours } } } },
  ],
])("an order whose workflow %s is left alone", async (_, workflow) => {
  const { calls, temporal } = await oneRound(["w"], { w: workflow });
  expect(restartedIn(calls)).toBeUndefined();
  expect(temporal.terminate).not.toHaveBeenCalled();
});

test.each<[string, object]>([
  ["pinned to", { behavior: pinned, deploymentVersion: old }],
  ["moved to", { behavior: 2, deploymentVersion: ours, versioningOverride: { pinned: { version: old } } }],
])("a workflow %s a version without workers is terminated, and its order restarted", async (_, versioning) => {
  const { calls, temporal } = await oneRound(["w"], { w: { versioning } });
  expect(temporal.terminate).toHaveBeenCalledExactlyOnceWith("w", "no worker of version v1 of shop/checkout is left");
  expect(restartedIn(calls)).toEqual(restarted("w"));
});

test("a version of another deployment does not count as the same", async () => {
  const versioning = { behavior: pinned, deploymentVersion: { ...ours, deploymentName: "another" } };
  const { temporal } = await oneRound(["w"], { w: { versioning } });
  expect(temporal.terminate).toHaveBeenCalled();
});

test("only the orders of workflows that are gone are restarted, and each workflow is asked about once", async () => {
  const { calls } = await oneRound(["gone", "runs", "gone"], { gone: { status: "TERMINATED" } });
  expect(restartedIn(calls)).toEqual({
    items: [
      { commandId: "c0", ownerWorkflowId: "gone" },
      { commandId: "c2", ownerWorkflowId: "gone" },
    ],
  });
});

test("nothing is restarted when Temporal does not answer", async () => {
  const { calls, temporal } = await oneRound(["gone", "unknown"], {
    gone: { status: "TERMINATED" },
    unknown: { status: new Error("unavailable") },
  });
  expect(restartedIn(calls)).toBeUndefined();
  expect(temporal.terminate).not.toHaveBeenCalled();
});
