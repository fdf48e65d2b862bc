import { expect, test } from "vitest";
import type { Cluster, KubeObject } from "./cluster.ts";
import type { Context } from "./context.ts";
import { createProgress } from "./progress.ts";
import { shop } from "./shop.ts";

/** A worker of these versions: the one that is wanted, with how its gate ended. */
function worker(buildID: string, gate: string, isReady = false): KubeObject {
  return {
    metadata: { name: "shop-worker" },
    status: {
      conditions: [{ type: "Ready", status: isReady ? "True" : "False", reason: "WaitingForPollers" }],
      targetVersion: { buildID, testWorkflows: [{ status: gate }] },
    },
  };
}

/** A cluster whose worker is first the one, and the other as soon as helm was asked. */
function contextOf(before: KubeObject, after: KubeObject, helm: (signal: AbortSignal | undefined) => Promise<string>) {
  let current = before;
  const cluster: Partial<Cluster> = {
    context: "here",
    list: async (kind) => (kind === "workerdeployments.temporal.io" ? [current] : []),
    helm(_args, options) {
      current = after;
      return helm(options?.signal);
    },
  };
  const options = { profile: "ci", namespace: "shop", release: "shop", temporalNamespace: "shop", values: [], set: [] };
  // Only what installing the shop asks for.
  return { cluster, options, progress: createProgress(() => {}) } as unknown as Context;
}

/** Helm waits until it is ended. */
const waiting = (signal: AbortSignal | undefined) =>
  new Promise<string>((_, reject) => signal?.addEventListener("abort", () => reject(new Error("helm was ended"))));

test("a gate that fails ends helm, and is told with the version", async () => {
  const context = contextOf(worker("one", "Completed", true), worker("two", "Failed"), waiting);
  await expect(shop(context)).rejects.toThrow("The gate of the worker's new version two failed");
});

test("a gate that fails when helm has ended is told at once, too", async () => {
  const context = contextOf(worker("one", "Completed", true), worker("two", "Failed"), async () => "");
  await expect(shop(context)).rejects.toThrow("The gate of the worker's new version two failed");
});

test("a gate that failed in an earlier try is not held against this one", async () => {
  const context = contextOf(worker("two", "Failed"), worker("three", "Completed", true), async () => "");
  await expect(shop(context)).resolves.toBeUndefined();
});

test("what helm complains of at once is told, with what is missing", async () => {
  const context = contextOf(worker("one", "Running"), worker("one", "Running"), async () => {
    throw new Error("values don't meet the schema");
  });
  await expect(shop(context)).rejects.toThrow(/values don't meet the schema\nWhat is missing: the WorkerDeployment/);
});
