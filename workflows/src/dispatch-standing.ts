import type { Client as RpcClient } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/log";
import { startLoop } from "@sagacart/chassis/loop";
import type { CommandService } from "@sagacart/proto/command/v1/command_service";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { millis } from "./dispatch-checkouts.ts";

export type StandingOptions = {
  temporal: Client;
  commands: RpcClient<typeof CommandService>;
  log: Log;
  standingAfterMs: number;
  intervalMs: number;
};

/**
 * Looks for orders that stand still although Temporal was given them, and gives those a new carrier whose workflow is
 * gone: Temporal was restored from a backup or reset, or somebody terminated it.
 */
export function dispatchStanding({
  temporal,
  commands,
  log,
  standingAfterMs,
  intervalMs,
}: StandingOptions): AsyncDisposable {
  return startLoop({
    name: "dispatch-standing",
    log,
    async run() {
      const { commands: standing } = await commands.listStandingCommands({ standingFor: millis(standingAfterMs) });
      const carriers = new Set(standing.map(({ carrierWorkflowId }) => carrierWorkflowId));
      const gone = new Set<string>();
      for (const carrier of carriers) {
        if (!(await isRunning(temporal, carrier))) {
          gone.add(carrier);
        }
      }
      const items = standing.flatMap(({ command, carrierWorkflowId }) =>
        command !== undefined && gone.has(carrierWorkflowId) ? [{ commandId: command.id, carrierWorkflowId }] : [],
      );
      if (items.length > 0) {
        const { commandIds } = await commands.restartCommands({ items });
        log.warn({ orders: commandIds.length, carriers: [...gone] }, "orders whose workflow is gone start again");
      }
      return { waitMs: intervalMs };
    },
  });
}

/** An order that no workflow ever took is open to be taken: of two that try, one gets it. */
async function isRunning(temporal: Client, workflowId: string): Promise<boolean> {
  if (workflowId === "") {
    return false;
  }
  try {
    const { status } = await temporal.workflow.getHandle(workflowId).describe();
    return status.name === "RUNNING";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      return false;
    }
    throw error;
  }
}
