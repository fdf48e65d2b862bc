import type { Client } from "@temporalio/client";
import { vi } from "vitest";
import type { Version } from "../dispatch/routing.ts";

/** Temporal's answer about one workflow. */
export type FakeWorkflow = {
  /** RUNNING unless it says otherwise; an error is thrown. */
  readonly status?: string | Error;
  readonly versioning?: object;
};

/** Temporal's answer about the task queue. */
export type FakeTaskQueue = {
  readonly current?: Version | undefined;
  readonly ramping?: (Version & { readonly percentage: number }) | undefined;
  readonly pollers?: readonly Version[];
};

/** A fake of Temporal's client, with the calls of it that the dispatchers make. */
export function fakeTemporal(
  options: {
    readonly workflows?: Readonly<Record<string, FakeWorkflow>>;
    readonly taskQueue?: () => FakeTaskQueue | Promise<FakeTaskQueue>;
  } = {},
) {
  const results = new Map<string, PromiseWithResolvers<void>>();
  const resultOf = (workflowId: string) => {
    const result = results.get(workflowId) ?? Promise.withResolvers<void>();
    results.set(workflowId, result);
    return result;
  };
  const start = vi.fn<(type: string, options: object) => Promise<void>>(async () => {});
  const startUpdateWithStart = vi.fn<(update: { name: string }, options: object) => Promise<void>>(async () => {});
  const signal = vi.fn<(workflowId: string, signal: string) => Promise<void>>(async () => {});
  const terminate = vi.fn<(workflowId: string, reason: string) => Promise<void>>(async () => {});
  const describeTaskQueue = vi.fn(async () => {
    const { current, ramping, pollers = [] } = (await options.taskQueue?.()) ?? {};
    return {
      pollers: pollers.map((deploymentOptions) => ({ deploymentOptions })),
      versioningInfo: {
        currentDeploymentVersion: current ?? null,
        rampingDeploymentVersion: ramping ?? null,
        rampingVersionPercentage: ramping?.percentage ?? 0,
      },
    };
  });
  const client = {
    options: { namespace: "default" },
    withAbortSignal: <T>(_: AbortSignal, call: () => Promise<T>) => call(),
    withDeadline: <T>(_: number, call: () => Promise<T>) => call(),
    workflowService: { describeTaskQueue },
    workflow: {
      start,
      startUpdateWithStart,
      getHandle: (workflowId: string) => ({
        result: () => resultOf(workflowId).promise,
        signal: ({ name }: { name: string }) => signal(workflowId, name),
        terminate: (reason: string) => terminate(workflowId, reason),
        async describe() {
          const { status = "RUNNING", versioning } = options.workflows?.[workflowId] ?? {};
          if (status instanceof Error) throw status;
          return { status: { name: status }, raw: { workflowExecutionInfo: { versioningInfo: versioning } } };
        },
      }),
    },
  };
  return {
    // Only the calls above are made.
    client: client as unknown as Client,
    start,
    startUpdateWithStart,
    signal,
    terminate,
    describeTaskQueue,
    /** Lets the workflow end, or fail with an error. */
    end: (workflowId: string, error?: Error) =>
      error === undefined ? resultOf(workflowId).resolve() : resultOf(workflowId).reject(error),
  };
}

/** A claim that waits until it is aborted when `queue` is empty, as the long poll of a service does. */
export function claimFrom<T>(queue: T[]): (request: object, context: { signal: AbortSignal }) => Promise<T | object> {
  return async (_, { signal }) => {
    const next = queue.shift();
    if (next !== undefined) {
      return next;
    }
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return {};
  };
}
