import { fileURLToPath } from "node:url";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { connectServices } from "@sagacart/workflows/clients";
import { NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { benchTokens, surroundings } from "../surroundings.ts";
import { createUsualActivities } from "./activities.ts";
import { usualTaskQueue } from "./task-queue.ts";

// The usual saga's worker, a process of its own. Says "ready" to its parent, and ends with it.

const { addresses, temporal } = surroundings(process.env);
Runtime.install({
  shutdownSignals: [],
  logger: { ...console, log: () => {}, trace: () => {}, debug: () => {}, info: () => {} },
});
const connection = await NativeConnection.connect({ address: temporal.address });
const { services } = connectServices(addresses, createMetrics("bench-usual"), benchTokens(process.env));

// Tuned by what the SDK's documentation and Temporal's worker performance guide say, and by what was measured (see the
// README): as many slots as there are callers, pollers that scale with what is waiting, every open workflow cached.
const worker = await Worker.create({
  connection,
  namespace: temporal.namespace,
  taskQueue: usualTaskQueue,
  workflowsPath: fileURLToPath(new URL("workflow.ts", import.meta.url)),
  activities: createUsualActivities(services),
  maxConcurrentWorkflowTaskExecutions: 100,
  workflowTaskPollerBehavior: { type: "autoscaling", minimum: 2, initial: 10, maximum: 50 },
  maxConcurrentActivityTaskExecutions: 200,
  activityTaskPollerBehavior: { type: "autoscaling", minimum: 2, initial: 10, maximum: 50 },
  maxCachedWorkflows: 2_000,
});
// Ctrl-C is for the parent, which ends this process when it has no more use for it.
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
const running = worker.run();
process.send?.("ready");
await running;
