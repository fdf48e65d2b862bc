import type { Client as RpcClient } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { CommandService } from "@sagacart/proto/command/v1/command_service";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { millis } from "./checkouts.ts";
import type { Meters } from "./meters.ts";
import { type Routing, type Version, versionsThatPoll } from "./routing.ts";

export type StalledOptions = {
  temporal: Client;
  routing: Routing;
  commands: RpcClient<typeof CommandService>;
  log: Log;
  meters: Meters;
  stalledAfterMs: number;
  intervalMs: number;
};

/**
 * Looks for orders that stand still although Temporal was given them, and gives those a new carrier whose workflow is
 * gone: Temporal was restored from a backup or reset, or somebody terminated it. A workflow that is pinned to a version
 * of the worker of which there is none any more would wait for it for ever: it is terminated, and gone.
 */
export function dispatchStalled(options: StalledOptions): AsyncDisposable {
  const { routing, log, intervalMs } = options;
  return startLoop({
    name: "dispatch-stalled",
    log,
    async run(signal) {
      await routing.whileInUse(signal, () => restartThoseGone(options));
      return { waitMs: intervalMs };
    },
  });
}

async function restartThoseGone({ temporal, commands, log, meters, stalledAfterMs }: StalledOptions): Promise<void> {
  const { commands: standing } = await commands.listStalledCommands({ stalledFor: millis(stalledAfterMs) });
  const carriers = new Set(standing.map(({ ownerWorkflowId }) => ownerWorkflowId));
  const gone = new Set<string>();
  let asked: Promise<readonly Version[]> | undefined;
  const polling = () => {
    asked ??= versionsThatPoll(temporal);
    return asked;
  };
  for (const carrier of carriers) {
    if (!(await isCarrying(temporal, carrier, { polling, log }))) {
      gone.add(carrier);
    }
  }
  const items = standing.flatMap(({ command, ownerWorkflowId }) =>
    command !== undefined && gone.has(ownerWorkflowId) ? [{ commandId: command.id, ownerWorkflowId }] : [],
  );
  if (items.length > 0) {
    const { commandIds } = await commands.restartCommands({ items });
    meters.restarted(commandIds.length);
    log.warn({ orders: commandIds.length, carriers: [...gone] }, "orders whose workflow is gone start again");
  }
}

/** An order that no workflow ever took is open to be taken: of two that try, one gets it. */
async function isCarrying(
  temporal: Client,
  workflowId: string,
  { polling, log }: { polling: () => Promise<readonly Version[]>; log: Log },
): Promise<boolean> {
  if (workflowId === "") {
    return false;
  }
  const handle = temporal.workflow.getHandle(workflowId);
  try {
    const { status, raw } = await handle.describe();
    if (status.name !== "RUNNING") {
      return false;
    }
    const { behavior, deploymentVersion, versioningOverride } = raw.workflowExecutionInfo?.versioningInfo ?? {};
    const pinnedTo = versioningOverride?.pinned?.version ?? (behavior === pinned ? deploymentVersion : undefined);
    if (pinnedTo == null || isAmong(await polling(), pinnedTo)) {
      return true;
    }
    log.warn({ workflowId, ...pinnedTo }, "there is no worker of this workflow's version any more: it is terminated");
    await handle.terminate(`no worker of version ${pinnedTo.buildId} of ${pinnedTo.deploymentName} is there any more`);
    return false;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      return false;
    }
    throw error;
  }
}

/** VERSIONING_BEHAVIOR_PINNED. */
const pinned = 1;

function isAmong(versions: readonly Version[], { deploymentName, buildId }: Partial<Nullable<Version>>): boolean {
  return versions.some((version) => version.deploymentName === deploymentName && version.buildId === buildId);
}

type Nullable<T> = { [K in keyof T]: T[K] | null };
