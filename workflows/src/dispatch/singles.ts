import type { Client as RpcClient } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { inSpan } from "@sagacart/chassis/trace/trace";
import type { Command } from "@sagacart/proto/command/v1/command";
import type { CommandService } from "@sagacart/proto/command/v1/command_service";
import {
  type Client,
  type UpdateDefinition,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
} from "@temporalio/client";
import { cancelUpdate, payUpdate, retrySignal, settledSignal, taskQueue } from "../sagas/messages.ts";
import type { order } from "../sagas/order.ts";
import type { refund } from "../sagas/refund.ts";
import { traceCommand } from "../trace/commands.ts";
import { millis, seconds } from "./checkouts.ts";
import type { Meters } from "./meters.ts";
import type { Routing } from "./routing.ts";

export type SingleDispatchOptions = {
  temporal: Client;
  routing: Routing;
  /** Whose commands, and which kinds of them. */
  commands: RpcClient<typeof CommandService>;
  kinds: readonly string[];
  name: string;
  log: Log;
  meters: Meters;
  claimer: string;
  leaseMs: number;
  workflowTaskTimeoutMs: number;
};

/** The commands of the order service that concern one order each. */
export const orderKinds = ["RESUME", "PAY", "CANCEL", "REFUND", "RETRY"];
export const paymentKinds = ["PAYMENT_SETTLED", "REFUND_SETTLED"];
export const shippingKinds = ["SHIPMENT_SETTLED"];

/**
 * Brings commands that concern one order to its workflow: starts it, or tells it. What could not be brought is
 * claimed again when its lease has run out; what is brought twice is known by the workflow's id, or changes nothing.
 */
export function dispatchSingles(options: SingleDispatchOptions): AsyncDisposable {
  const { routing, commands, kinds, name, log, meters, claimer, leaseMs } = options;
  return startLoop({
    name,
    log,
    async run(signal) {
      const batch = await routing.whileInUse(signal, (signal) =>
        commands.claimCommands(
          { claimer, kinds: [...kinds], maxCommands: 50, wait: seconds(20), lease: millis(leaseMs) },
          { signal, timeoutMs: 25_000 },
        ),
      );
      if (batch === undefined) {
        return "again";
      }
      const { batchId, commands: members } = batch;
      meters.claimed(members);
      const delivered = await Promise.all(
        members.map(async (command) => {
          try {
            await inSpan(traceCommand(command), () => deliver(options, command));
            meters.brought(command.kind, "done");
            return [command.id];
          } catch (error) {
            meters.brought(command.kind, "failed");
            log.error({ error, kind: command.kind, orderId: command.orderId }, "a command could not be brought");
            return [];
          }
        }),
      );
      const commandIds = delivered.flat();
      if (commandIds.length > 0) {
        await commands.confirmCommands({ batchId, commandIds });
      }
      return "again";
    },
  });
}

async function deliver(options: SingleDispatchOptions, { kind, id, orderId, data }: Command): Promise<void> {
  const { temporal, workflowTaskTimeoutMs: workflowTaskTimeout } = options;
  const workflowId = `order-${orderId}`;
  const started = {
    taskQueue,
    workflowTaskTimeout,
    workflowIdReusePolicy: "ALLOW_DUPLICATE",
    workflowIdConflictPolicy: "USE_EXISTING",
  } as const;
  const tell = async <Args extends unknown[]>(update: UpdateDefinition<void, Args>, args: Args) => {
    // An order that is final by now has no workflow: the one started here finds that out and ends.
    const startWorkflowOperation = new WithStartWorkflowOperation<typeof order>("order", {
      ...started,
      workflowId,
      args: [{ orderId }],
    });
    await temporal.workflow.startUpdateWithStart(update, {
      args,
      updateId: id,
      waitForStage: "ACCEPTED",
      startWorkflowOperation,
    });
  };
  switch (kind) {
    case "RESUME":
      await temporal.workflow.start<typeof order>("order", { ...started, workflowId, args: [{ orderId }] });
      return;
    case "PAY":
      return await tell(payUpdate, [{ attempt: numberIn(data, "attempt") }]);
    case "CANCEL":
      return await tell(cancelUpdate, []);
    case "REFUND": {
      const paymentRefundId = textIn(data, "paymentRefundId");
      await temporal.workflow.start<typeof refund>("refund", {
        ...started,
        workflowId: `refund-${paymentRefundId}`,
        args: [{ orderId, refundId: textIn(data, "refundId"), paymentRefundId }],
      });
      return;
    }
    case "RETRY":
      return await ifThere(temporal.workflow.getHandle(textIn(data, "workflowId")).signal(retrySignal));
    case "REFUND_SETTLED":
      return await ifThere(temporal.workflow.getHandle(`refund-${textIn(data, "refundId")}`).signal(settledSignal));
    case "PAYMENT_SETTLED":
    case "SHIPMENT_SETTLED":
      return await ifThere(temporal.workflow.getHandle(workflowId).signal(settledSignal));
    default:
      throw new Error(`there is no command ${kind}`);
  }
}

/** A workflow that is not there yet asks by itself when it comes, and one that has ended need not know. */
async function ifThere(telling: Promise<void>): Promise<void> {
  try {
    await telling;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) {
      throw error;
    }
  }
}

function fieldOf(data: string, name: string): unknown {
  const parsed: unknown = JSON.parse(data);
  return typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, name) : undefined;
}

function textIn(data: string, name: string): string {
  const value = fieldOf(data, name);
  if (typeof value !== "string") {
    throw new Error(`the command's data has no ${name}`);
  }
  return value;
}

function numberIn(data: string, name: string): number {
  const value = fieldOf(data, name);
  if (typeof value !== "number") {
    throw new Error(`the command's data has no ${name}`);
  }
  return value;
}
