import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Client } from "@temporalio/client";
import { taskQueue } from "../sagas/messages.ts";
import { firstOf } from "./first-of.ts";

/**
 * What Temporal does with new workflows, as far as it concerns this worker. A version that is tried by its gate, or
 * that drains, brings no command to Temporal; one that is in use does, and Temporal says which version runs it.
 */
export type Routing = AsyncDisposable & {
  /**
   * Runs a claim while this worker's version is in use, and waits until then. The claim's signal aborts when the
   * version no longer is; what was not claimed by then is undefined.
   */
  whileInUse<T>(signal: AbortSignal, claim: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>;
  /**
   * Whether this version runs all new workflows. Only then may a workflow be started eagerly: Temporal runs that one
   * where it was started, without asking which version is in use.
   */
  runsAll(): boolean;
  /** Whether this version runs any new workflows. */
  isInUse(): boolean;
};

/** A worker without a version takes everything. */
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
  /** How long an answer holds while there is no newer one. */
  holdsForMs: number;
};

export type Version = { readonly deploymentName: string; readonly buildId: string };

type Standing = "all" | "some" | "none";

/**
 * Asks Temporal again and again how the task queue is routed: by which version new workflows are run, and which one
 * gets a part of them while it is rolled out. Until the first answer, and when none came for long, nothing is claimed.
 */
export function watchRouting(options: RoutingOptions): Routing {
  const { temporal, log, version, intervalMs, holdsForMs } = options;
  let standing: Standing | undefined;
  let answeredMs = 0;
  let inUse = Promise.withResolvers<void>();
  let lost = new AbortController();

  function set(next: Standing, why: object): void {
    if (next === standing) {
      return;
    }
    log.info({ ...version, ...why }, said[next]);
    if (next !== "none") {
      inUse.resolve();
    } else if (standing !== undefined) {
      lost.abort();
      lost = new AbortController();
      inUse = Promise.withResolvers();
    }
    standing = next;
  }

  const loop = startLoop({
    name: "routing",
    log,
    async run(signal) {
      try {
        const { current, ramping } = await routingOf(temporal, signal);
        answeredMs = performance.now();
        set(standingOf(version, current, ramping), { current: current?.buildId, ramping: ramping?.buildId });
      } catch (error) {
        if (signal.aborted) {
          return { waitMs: intervalMs };
        }
        log.warn({ error }, "Temporal does not say which version of the worker is in use");
        if (standing !== undefined && performance.now() - answeredMs > holdsForMs) {
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
    runsAll: () => standing === "all",
    isInUse: () => standing === "all" || standing === "some",
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

const said: Readonly<Record<Standing, string>> = {
  all: "this version of the worker runs all new orders",
  some: "this version of the worker is rolled out: it runs a part of the new orders",
  none: "this version of the worker is not in use: it runs what it began, and claims nothing",
};

type Ramp = Version & { readonly percentage: number };

function standingOf(own: Version, current: Version | undefined, ramping: Ramp | undefined): Standing {
  const isRamping = ramping !== undefined && ramping.percentage > 0;
  if (isSame(own, current)) {
    return isRamping ? "some" : "all";
  }
  return isRamping && isSame(own, ramping) ? "some" : "none";
}

function isSame(own: Version, other: Version | undefined): boolean {
  return other?.deploymentName === own.deploymentName && other.buildId === own.buildId;
}

/** By which versions new workflows of the task queue are run. Without a version: by workers that have none. */
async function routingOf(
  temporal: Client,
  signal: AbortSignal,
): Promise<{ current: Version | undefined; ramping: Ramp | undefined }> {
  const { versioningInfo } = await temporal.withAbortSignal(signal, () => describeTaskQueue(temporal, workflowTasks));
  const { currentDeploymentVersion: current, rampingDeploymentVersion: ramping } = versioningInfo ?? {};
  const percentage = versioningInfo?.rampingVersionPercentage ?? 0;
  return {
    current: current == null ? undefined : toVersion(current),
    // A ramp back to workers without a version names none.
    ramping: percentage > 0 ? { ...toVersion(ramping ?? {}), percentage } : undefined,
  };
}

/** The versions of which there was a worker within the last five minutes. */
export async function versionsThatPoll(temporal: Client): Promise<readonly Version[]> {
  const answers = await Promise.all([workflowTasks, activityTasks].map((type) => describeTaskQueue(temporal, type)));
  return answers
    .flatMap(({ pollers }) => pollers ?? [])
    .map(({ deploymentOptions }) => toVersion(deploymentOptions ?? {}));
}

/** The numbers of Temporal's TaskQueueType. */
const workflowTasks = 1;
const activityTasks = 2;

function describeTaskQueue(temporal: Client, taskQueueType: number) {
  const request = { namespace: temporal.options.namespace, taskQueue: { name: taskQueue }, taskQueueType };
  return temporal.withDeadline(Date.now() + 5_000, () => temporal.workflowService.describeTaskQueue(request));
}

function toVersion({ deploymentName, buildId }: { deploymentName?: string | null; buildId?: string | null }): Version {
  return { deploymentName: deploymentName ?? "", buildId: buildId ?? "" };
}
