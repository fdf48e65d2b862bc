import { expect, test } from "vitest";
import type { Cluster, KubeObject } from "./cluster.ts";
import type { Context } from "./context.ts";
import { createProgress } from "./progress.ts";
import { shop } from "./shop.ts";

/** A WorkerDeployment with this target version and the result of its gate. */
function worker(buildID: string, gate: string, isReady = false): KubeObject {
  return {
    metadata: { name: "shop-worker" },
    status: {
      conditions: [{ type: "Ready", status: isReady ? "True" : "False", reason: "WaitingForPollers" }],
      targetVersion: { buildID, testWorkflows: [{ status: gate }] },
    },
  };
}

/** A cluster whose WorkerDeployment is `before` until helm is called, and `after` from then on. */
function contextOf(before: KubeObject, after: KubeObject, helm: (signal: AbortSignal | undefined) => Promise<string>) {
  let current = before;
  const cluster: Partial<Cluster> = {
    find: async () => undefined,
    context: "here",
    list: async (kind) => (kind === "workerdeployments.temporal.io" ? [current] : []),
    helm(args, options) {
      if (args[0] === "template") return Promise.resolve("");
      current = after;
      return helm(options?.signal);
    },
  };
  const options = { profile: "ci", namespace: "shop", release: "shop", temporalNamespace: "shop", values: [], set: [] };
  // Only the methods that the step calls.
  return { cluster, options, progress: createProgress(() => {}) } as unknown as Context;
}

/** A helm that runs until it is aborted. */
const waiting = (signal: AbortSignal | undefined) =>
  new Promise<string>((_, reject) => signal?.addEventListener("abort", () => reject(new Error("helm was ended"))));

test("a failed gate aborts helm and is reported with the version", async () => {
  const context = contextOf(worker("one", "Completed", true), worker("two", "Failed"), waiting);
  await expect(shop(context)).rejects.toThrow("The gate of the worker's new version two failed");
});

test("a gate that fails after helm has ended is reported at once", async () => {
  const context = contextOf(worker("one", "Completed", true), worker("two", "Failed"), async () => "");
  await expect(shop(context)).rejects.toThrow("The gate of the worker's new version two failed");
});

test("a gate that failed in an earlier installation is ignored", async () => {
  const context = contextOf(worker("two", "Failed"), worker("three", "Completed", true), async () => "");
  await expect(shop(context)).resolves.toBeUndefined();
});

test("an immediate error of helm is reported with what is missing", async () => {
  const context = contextOf(worker("one", "Running"), worker("one", "Running"), async () => {
    throw new Error("values don't meet the schema");
  });
  await expect(shop(context)).rejects.toThrow(/values don't meet the schema\nMissing: the WorkerDeployment/);
});
