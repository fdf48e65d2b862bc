import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Client as RpcClient } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { CommandService } from "@sagacart/proto/command/v1/command_service";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
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
 * Finds stalled orders: handed to Temporal, but unchanged for `stalledAfterMs`. Gives those whose workflow is gone a new
 * one: Temporal was restored from a backup or reset, or somebody terminated the workflow. A workflow that is pinned to
 * a version of the worker that no longer exists would wait for ever: it is terminated, and counts as gone.
 */
export function dispatchStalled(options: StalledOptions): AsyncDisposable {
  const { routing, log, intervalMs } = options;
  return startLoop({
    name: "dispatch-stalled",
    log,
    async run(signal) {
      await routing.whileInUse(signal, () => restartOrphans(options));
      return { waitMs: intervalMs };
    },
  });
}

async function restartOrphans({ temporal, commands, log, meters, stalledAfterMs }: StalledOptions): Promise<void> {
  const { commands: stalled } = await commands.listStalledCommands({ stalledFor: durationFromMs(stalledAfterMs) });
  const owners = new Set(stalled.map(({ ownerWorkflowId }) => ownerWorkflowId));
  const gone = new Set<string>();
  let asked: Promise<readonly Version[]> | undefined;
  const polling = () => {
    asked ??= versionsThatPoll(temporal);
    return asked;
  };
  for (const owner of owners) {
    if (!(await isRunning(temporal, owner, { polling, log }))) {
      gone.add(owner);
    }
  }
  const items = stalled.flatMap(({ command, ownerWorkflowId }) =>
    command !== undefined && gone.has(ownerWorkflowId) ? [{ commandId: command.id, ownerWorkflowId }] : [],
  );
  if (items.length > 0) {
    const { commandIds } = await commands.restartCommands({ items });
    meters.restarted(commandIds.length);
    log.warn({ orders: commandIds.length, owners: [...gone] }, "restarted stalled orders whose workflow is gone");
  }
}

/**
 * Returns true if the workflow runs, or can. An order that no workflow ever took has no owner, and may be restarted: of
 * two workflows that then take it, one gets it.
 */
async function isRunning(
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
    log.warn({ workflowId, ...pinnedTo }, "terminating a workflow: no worker of its version is left");
    await handle.terminate(`no worker of version ${pinnedTo.buildId} of ${pinnedTo.deploymentName} is left`);
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
