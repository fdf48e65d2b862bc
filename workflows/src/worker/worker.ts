import type { Log } from "@sagacart/chassis/process/log";
import { type LogLevel, type NativeConnection, Runtime, Worker, type WorkerOptions } from "@temporalio/worker";

import type { Config } from "../config.ts";
import type { Version } from "../dispatch/routing.ts";
import { taskQueue } from "../sagas/messages.ts";
import type { Carry, Steps, SyntheticSteps } from "../sagas/steps.ts";
import { traceSinks } from "../trace/sinks.ts";
import { activityInterceptors } from "../trace/worker-interceptors.ts";
import type { TemporalMetrics } from "./temporal-metrics.ts";
import { workflowCode } from "./workflow-code.ts";

/** Routes the log of Temporal's SDK into ours, and keeps its runtime from handling SIGTERM. */
export function installRuntime(log: Log, { bindAddress }: TemporalMetrics): void {
  Runtime.install({
    shutdownSignals: [],
    telemetryOptions: {
      metrics: {
        globalTags: { app: "worker" },
        attachServiceName: false,
        prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true },
      },
    },
    logger: {
      log: (level, message, meta) => write(log, level, message, meta),
      trace: (message, meta) => write(log, "TRACE", message, meta),
      debug: (message, meta) => write(log, "DEBUG", message, meta),
      info: (message, meta) => write(log, "INFO", message, meta),
      warn: (message, meta) => write(log, "WARN", message, meta),
      error: (message, meta) => write(log, "ERROR", message, meta),
    },
  });
}

function write(log: Log, level: LogLevel, message: string, meta: unknown): void {
  const data = { temporal: meta };
  switch (level) {
    case "ERROR":
      log.error(data, message);
      break;
    case "WARN":
      log.warn(data, message);
      break;
    default:
      log.debug(data, message);
  }
}

/** Creates the worker of the checkout task queue. Running activities may end when it is shut down; by default they may not. */
export async function createWorker(options: {
  connection: NativeConnection;
  config: Config;
  activities: Steps & Carry & SyntheticSteps;
}): Promise<Worker> {
  const { connection, config, activities } = options;
  return await Worker.create({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue,
    activities,
    ...bundleOptions(config),
    ...versioning(config),
    sinks: traceSinks(),
    shutdownGraceTime: config.DRAIN_TIMEOUT_MS,
    shutdownForceTime: config.DRAIN_TIMEOUT_MS + 5_000,
    maxConcurrentWorkflowTaskExecutions: 100,
    maxConcurrentLocalActivityExecutions: 200,
    maxConcurrentActivityTaskExecutions: 100,
  });
}

function bundleOptions({ WORKFLOW_BUNDLE_PATH: codePath }: Config): Partial<WorkerOptions> {
  const activity = activityInterceptors();
  const { workflowsPath, workflowInterceptorModules: workflowModules } = workflowCode;
  return codePath === undefined
    ? { workflowsPath, interceptors: { activity, workflowModules } }
    : { workflowBundle: { codePath }, interceptors: { activity } };
}

/** Under the Worker Controller, workflows stay with the version that began them; elsewhere there are no versions. */
function versioning(config: Config): Partial<WorkerOptions> {
  const version = versionOf(config);
  return version === undefined
    ? {}
    : { workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior: "PINNED" } };
}

/** The worker's own version, if the Worker Controller gave it one. */
export function versionOf(config: Config): Version | undefined {
  const { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId } = config;
  return deploymentName === undefined || buildId === undefined ? undefined : { deploymentName, buildId };
}
