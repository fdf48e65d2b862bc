import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Client as RpcClient } from "@connectrpc/connect";
import { isPassing } from "@sagacart/chassis/process/failure-log";
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
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import type { Services } from "../clients.ts";
import { cancelUpdate, payUpdate, retrySignal, settledSignal, taskQueue } from "../sagas/messages.ts";
import type { order } from "../sagas/order.ts";
import type { refund } from "../sagas/refund.ts";
import { traceCommand } from "../trace/commands.ts";
import type { Meters } from "./meters.ts";
import type { OrderSearch } from "./order-search.ts";
import { payBackStep, retryPayBack, updatePayBackIncident } from "./pay-back.ts";
import { recallStep, updateRecallIncident } from "./recall.ts";
import type { Routing } from "./routing.ts";

export type SingleDispatchOptions = {
  services: Pick<Services, "payment" | "saga" | "shipping">;
  temporal: Pick<Client, "workflow">;
  routing: Routing;
  search: OrderSearch;
  /** The service whose commands are claimed, and the kinds to claim. */
  commands: RpcClient<typeof CommandService>;
  kinds: readonly string[];
  name: string;
  log: Log;
  meters: Meters;
  claimer: string;
  leaseMs: number;
  workflowTaskTimeoutMs: number;
};

/** The order service's commands that concern one order each. */
export const orderKinds = ["RESUME", "PAY", "CANCEL", "REFUND", "RETRY"];
export const paymentKinds = ["PAYMENT_SETTLED", "REFUND_SETTLED", "PAY_BACK_CHANGED"];
export const shippingKinds = ["SHIPMENT_SETTLED", "RECALL_CHANGED"];

/**
 * Delivers commands that concern one order to its workflow: starts it, or sends it a message. A command that could not
 * be delivered is claimed again when its lease has run out. Delivering one twice is harmless: the workflow's id is the
 * same, and a second message changes nothing.
 */
export function dispatchSingles(options: SingleDispatchOptions): AsyncDisposable {
  const { routing, commands, kinds, name, log, meters, claimer, leaseMs } = options;
  const claim = {
    claimer,
    kinds: [...kinds],
    maxCommands: 50,
    wait: durationFromMs(20_000),
    lease: durationFromMs(leaseMs),
  };
  return startLoop({
    name,
    log,
    async run(signal) {
      const batch = await routing.whileInUse(signal, (signal) =>
        commands.claimCommands(claim, { signal, timeoutMs: 25_000 }),
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
            meters.delivered(command.kind, "done");
            return [command.id];
          } catch (error) {
            meters.delivered(command.kind, "failed");
            logUndelivered(log, command, error);
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

/**
 * Logs that a command is delivered again later. A workflow that is busy with a step takes no message until the step has ended,
 * for example while a card provider is slow, and Temporal may be away. It is a person's matter if that does not pass.
 */
function logUndelivered(log: Log, { kind, orderId, deliveries }: Command, error: unknown): void {
  const passes = error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isPassing(error);
  const level = passes && deliveries < patience ? "info" : "error";
  log[level]({ error, kind, orderId, deliveries }, "a command could not be delivered yet; it is delivered again");
}

/** How often a command is claimed until somebody should look: with the usual lease of 10 s, for two minutes at least. */
const patience = 12;

async function deliver(options: SingleDispatchOptions, { kind, id, orderId, data }: Command): Promise<void> {
  const { temporal, services, search, workflowTaskTimeoutMs: workflowTaskTimeout } = options;
  const workflowId = `order-${orderId}`;
  const startOptions = {
    taskQueue,
    workflowTaskTimeout,
    workflowIdReusePolicy: "ALLOW_DUPLICATE",
    workflowIdConflictPolicy: "USE_EXISTING",
  } as const;
  const update = async (definition: UpdateDefinition<void, []>) => {
    // The workflow of an order that is final has ended: the one started here finds that out and ends.
    await search.start([orderId], async (found) => {
      const startWorkflowOperation = new WithStartWorkflowOperation<typeof order>("order", {
        ...startOptions,
        ...found,
        workflowId,
        args: [{ orderId }],
      });
      await temporal.workflow.startUpdateWithStart(definition, {
        updateId: id,
        waitForStage: "ACCEPTED",
        startWorkflowOperation,
      });
    });
  };
  switch (kind) {
    case "RESUME":
      await search.start([orderId], (found) =>
        temporal.workflow.start<typeof order>("order", { ...startOptions, ...found, workflowId, args: [{ orderId }] }),
      );
      return;
    case "PAY":
      return await update(payUpdate);
    case "CANCEL":
      return await update(cancelUpdate);
    case "REFUND": {
      const paymentRefundId = textIn(data, "paymentRefundId");
      await search.start([orderId], (found) =>
        temporal.workflow.start<typeof refund>("refund", {
          ...startOptions,
          ...found,
          workflowId: `refund-${paymentRefundId}`,
          args: [{ orderId, refundId: textIn(data, "refundId"), paymentRefundId }],
        }),
      );
      return;
    }
    case "RETRY":
      return await retry(options, orderId, data);
    case "REFUND_SETTLED":
      return await ignoreMissing(
        temporal.workflow.getHandle(`refund-${textIn(data, "refundId")}`).signal(settledSignal),
      );
    case "PAY_BACK_CHANGED":
      return await updatePayBackIncident(services, orderId);
    case "RECALL_CHANGED":
      return await updateRecallIncident(services, orderId);
    case "PAYMENT_SETTLED":
    case "SHIPMENT_SETTLED":
      return await ignoreMissing(temporal.workflow.getHandle(workflowId).signal(settledSignal));
    default:
      throw new Error(`there is no command ${kind}`);
  }
}

/** Retries the step of an incident. Refusals of providers are not steps of a workflow: their order may have ended. */
async function retry({ temporal, services }: SingleDispatchOptions, orderId: string, data: string): Promise<void> {
  const workflowId = textIn(data, "workflowId");
  const { step } = JSON.parse(data) as { step?: unknown };
  switch (step) {
    case payBackStep:
      return await retryPayBack(services, orderId);
    case recallStep:
      return void (await services.shipping.retryRecall({ orderId }));
    default:
      return await ignoreMissing(temporal.workflow.getHandle(workflowId).signal(retrySignal));
  }
}

/** A workflow that does not exist yet asks for the outcome when it starts; one that has ended does not need it. */
async function ignoreMissing(signalling: Promise<void>): Promise<void> {
  try {
    await signalling;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) {
      throw error;
    }
  }
}

function textIn(data: string, name: string): string {
  const parsed: unknown = JSON.parse(data);
  const value: unknown = typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, name) : undefined;
  if (typeof value !== "string") {
    throw new Error(`the command's data has no ${name}`);
  }
  return value;
}
