import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Client } from "@temporalio/client";
import { taskQueue } from "../sagas/messages.ts";
import { firstOf } from "./first-of.ts";

/**
 * How Temporal routes new workflows, as far as it concerns this worker. A version that is tried by its gate, or that
 * drains, brings no command to Temporal; a version in use does, and Temporal says which version runs the workflow.
 */
export type Routing = AsyncDisposable & {
  /**
   * Waits until this worker's version is in use, then runs a claim. The claim's signal aborts when the version is no
   * longer in use. Returns undefined when nothing was claimed by then.
   */
  whileInUse<T>(signal: AbortSignal, claim: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>;
  /**
   * Returns true if this version runs all new workflows. Only then may a workflow be started eagerly: Temporal runs it
   * where it was started, whichever version is in use.
   */
  runsAll(): boolean;
  /** Returns true if this version runs any new workflows. */
  isInUse(): boolean;
};

/** The routing of a worker without a version: it runs everything. */
export const unversioned: Routing = {
  whileInUse: (signal, claim) => claim(signal),
  runsAll: () => true,
  isInUse: () => true,
  async [Symbol.asyncDispose]() {},
};

export type RoutingOptions = {
  temporal: Client;
  log: Log;
  version: Version;
  /** How often to ask. */
  intervalMs: number;
  /** How long an answer is valid when no newer one comes. */
  holdsForMs: number;
};

export type Version = { readonly deploymentName: string; readonly buildId: string };

/** The share of new workflows that this version runs. */
type Share = "all" | "some" | "none";

/**
 * Asks Temporal at intervals how the task queue is routed: which version runs new workflows, and which one gets a share
 * of them while it is rolled out. Until the first answer, and when none came for `holdsForMs`, nothing is claimed.
 */
export function watchRouting(options: RoutingOptions): Routing {
  const { temporal, log, version, intervalMs, holdsForMs } = options;
  let share: Share | undefined;
  let answeredMs = 0;
  let inUse = Promise.withResolvers<void>();
  let lost = new AbortController();

  function set(next: Share, why: object): void {
    if (next === share) {
      return;
    }
    log.info({ ...version, ...why }, messages[next]);
    if (next !== "none") {
      inUse.resolve();
    } else if (share !== undefined) {
      lost.abort();
      lost = new AbortController();
      inUse = Promise.withResolvers();
    }
    share = next;
  }

  const loop = startLoop({
    name: "routing",
    log,
    async run(signal) {
      try {
        const { current, ramping } = await routingOf(temporal, signal);
        answeredMs = performance.now();
        set(shareOf(version, current, ramping), { current: current?.buildId, ramping: ramping?.buildId });
      } catch (error) {
        if (signal.aborted) {
          return { waitMs: intervalMs };
        }
        log.warn({ error }, "cannot ask Temporal which version of the worker is in use");
        if (share !== undefined && performance.now() - answeredMs > holdsForMs) {
          set("none", { unknownForMs: Math.round(performance.now() - answeredMs) });
        }
      }
      return { waitMs: intervalMs };
    },
  });

  return {
    async whileInUse(signal, claim) {
      await firstOf([inUse.promise], signal);
      if (signal.aborted) {
        return undefined;
      }
      const { signal: isLost } = lost;
      try {
        return await claim(AbortSignal.any([signal, isLost]));
      } catch (error) {
        if (isLost.aborted) {
          return undefined;
        }
        throw error;
      }
    },
    runsAll: () => share === "all",
    isInUse: () => share === "all" || share === "some",
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

const messages: Readonly<Record<Share, string>> = {
  all: "this version of the worker runs all new orders",
  some: "this version of the worker is being rolled out: it runs a share of the new orders",
  none: "this version of the worker is not in use: it finishes what it began, and claims nothing",
};

type Ramp = Version & { readonly percentage: number };

function shareOf(own: Version, current: Version | undefined, ramping: Ramp | undefined): Share {
  const isRamping = ramping !== undefined && ramping.percentage > 0;
  if (isSame(own, current)) {
    return isRamping ? "some" : "all";
  }
  return isRamping && isSame(own, ramping) ? "some" : "none";
}

function isSame(own: Version, other: Version | undefined): boolean {
  return other?.deploymentName === own.deploymentName && other.buildId === own.buildId;
}

/** Returns the versions that run new workflows of the task queue; undefined for workers without a version. */
async function routingOf(
  temporal: Client,
  signal: AbortSignal,
): Promise<{ current: Version | undefined; ramping: Ramp | undefined }> {
  const { versioningInfo } = await temporal.withAbortSignal(signal, () => describeTaskQueue(temporal, workflowTasks));
  const { currentDeploymentVersion: current, rampingDeploymentVersion: ramping } = versioningInfo ?? {};
  const percentage = versioningInfo?.rampingVersionPercentage ?? 0;
  return {
    current: current == null ? undefined : toVersion(current),
    // A ramp back to workers without a version has no version here.
    ramping: percentage > 0 ? { ...toVersion(ramping ?? {}), percentage } : undefined,
  };
}

/** Returns the versions of which a worker polled within the last five minutes. */
export async function versionsThatPoll(temporal: Client): Promise<readonly Version[]> {
  const answers = await Promise.all([workflowTasks, activityTasks].map((type) => describeTaskQueue(temporal, type)));
  return answers
    .flatMap(({ pollers }) => pollers ?? [])
    .map(({ deploymentOptions }) => toVersion(deploymentOptions ?? {}));
}

/** Values of Temporal's TaskQueueType. */
const workflowTasks = 1;
const activityTasks = 2;

function describeTaskQueue(temporal: Client, taskQueueType: number) {
  const request = { namespace: temporal.options.namespace, taskQueue: { name: taskQueue }, taskQueueType };
  return temporal.withDeadline(Date.now() + 5_000, () => temporal.workflowService.describeTaskQueue(request));
}

function toVersion({ deploymentName, buildId }: { deploymentName?: string | null; buildId?: string | null }): Version {
  return { deploymentName: deploymentName ?? "", buildId: buildId ?? "" };
}
