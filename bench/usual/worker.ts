import { fileURLToPath } from "node:url";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { connectServices } from "@sagacart/workflows/clients";
import { NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { surroundings, workerTokens } from "../surroundings.ts";
import { createUsualActivities } from "./activities.ts";
import { usualTaskQueue } from "./task-queue.ts";

// The usual saga's worker process. Sends "ready" to its parent and ends with it.

const { addresses, temporal } = surroundings(process.env);
Runtime.install({
  shutdownSignals: [],
  logger: { ...console, log: () => {}, trace: () => {}, debug: () => {}, info: () => {} },
});
const connection = await NativeConnection.connect({ address: temporal.address });
const { services } = connectServices(addresses, createMetrics("bench-usual"), workerTokens(process.env));

// Tuned by the SDK's documentation, Temporal's worker performance guide and measurements (see the README): slots for a
// few hundred tasks, pollers that scale with the backlog, and a cache for every open workflow.
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
// The parent handles Ctrl-C and ends this process when it is done.
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
const running = worker.run();
process.send?.("ready");
await running;
