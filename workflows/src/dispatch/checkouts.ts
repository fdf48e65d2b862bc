import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Client as RpcClient } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { inSpan } from "@sagacart/chassis/trace/trace";
import type { Command } from "@sagacart/proto/command/v1/command";
import type { CommandService } from "@sagacart/proto/command/v1/command_service";
import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from "@temporalio/client";
import type { FinishedBatches } from "../activities/finished-batches.ts";
import type { checkout } from "../sagas/checkout.ts";
import { ordersText } from "../sagas/codes.ts";
import { taskQueue } from "../sagas/messages.ts";
import { traceBatch } from "../trace/commands.ts";
import type { Meters } from "./meters.ts";
import type { OrderSearch } from "./order-search.ts";
import type { Routing } from "./routing.ts";
import { createSlots } from "./slots.ts";

export type CheckoutDispatchOptions = {
  temporal: Pick<Client, "workflow">;
  routing: Routing;
  commands: RpcClient<typeof CommandService>;
  search: OrderSearch;
  finished: FinishedBatches;
  log: Log;
  meters: Meters;
  claimer: string;
  maxBatches: number;
  /** How long the newest batch must have been running before another one starts beside it. */
  staggerMs: number;
  maxBatchOrders: number;
  leaseMs: number;
  workflowTaskTimeoutMs: number;
};

export type CheckoutDispatch = AsyncDisposable & {
  /** Resolves when no batch that was started here is running. */
  idle(): Promise<void>;
};

/**
 * Claims checkouts and starts a batch of them, beside the worker that runs it. A batch never waits to fill up: when
 * none is running it starts at once, and what arrives meanwhile is the next one, small when it is quiet and large when
 * it is busy. The next one starts when the steps of this one are finished, while Temporal writes that down. A batch
 * that takes long (a slow card provider) does not hold up the next: after `staggerMs` another one starts beside it, up
 * to `maxBatches`. One at a time cost 1.8 ms of CPU a checkout at 256 callers, four at a time 3 ms: fewer orders share
 * what a batch costs in Temporal and in transactions.
 *
 * The claim is confirmed after the start. When the confirmation is lost, the same batch is claimed again, its workflow
 * has the same id, and Temporal refuses the second one.
 *
 * While a version of the worker is rolled out, batches are not started eagerly: then Temporal sends each batch to one
 * of the two versions, in the share that the rollout has reached.
 */
export function dispatchCheckouts(options: CheckoutDispatchOptions): CheckoutDispatch {
  const { temporal, routing, commands, finished, log, meters, claimer, maxBatchOrders, leaseMs } = options;
  const slots = createSlots(options);
  const claim = {
    claimer,
    kinds: ["CHECKOUT"],
    maxCommands: maxBatchOrders,
    wait: durationFromMs(20_000),
    lease: durationFromMs(leaseMs),
  };
  const loop = startLoop({
    name: "dispatch-checkouts",
    log,
    async run(signal) {
      await slots.free(signal);
      const batch = await routing.whileInUse(signal, (signal) =>
        commands.claimCommands(claim, { signal, timeoutMs: 25_000 }),
      );
      if (batch === undefined || batch.batchId === "") {
        return "again";
      }
      const { batchId, commands: members } = batch;
      const workflowId = `checkout-${batchId}`;
      meters.claimed(members);
      await inSpan(traceBatch({ type: "checkout", id: workflowId }, members), async () => {
        await start(workflowId, members);
        await commands.confirmCommands({ batchId });
      });
      return "again";
    },
  });

  async function start(workflowId: string, members: readonly Command[]): Promise<void> {
    const meter = meters.batch(members.length);
    // Listens before the start: a small batch may be finished before Temporal's answer is read.
    const { promise: stepsFinished, resolve } = Promise.withResolvers<void>();
    const stopListening = finished.listen(workflowId, resolve);
    try {
      const orderIds = members.map(({ orderId }) => orderId);
      await options.search.start(orderIds, (found) =>
        temporal.workflow.start<typeof checkout>("checkout", {
          ...found,
          args: [{ orderIds, atOnce: true }],
          workflowId,
          taskQueue,
          staticSummary: ordersText(orderIds.length),
          workflowIdReusePolicy: "REJECT_DUPLICATE",
          requestEagerStart: routing.runsAll(),
          workflowTaskTimeout: options.workflowTaskTimeoutMs,
        }),
      );
    } catch (error) {
      stopListening();
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
        throw error;
      }
      log.info({ workflowId }, "this batch was started before; confirming its claim now");
      return;
    }
    meter.started();
    const ended = temporal.workflow
      .getHandle(workflowId)
      .result()
      .then(
        () => meter.ended("completed"),
        (error) => {
          meter.ended("failed");
          // Temporal may be away while a batch ends well; only the batch's own failure is a bug.
          const level = error instanceof WorkflowFailedError ? "error" : "warn";
          log[level]({ error, workflowId }, "a batch of checkouts failed; its orders will get a new workflow");
        },
      )
      .finally(stopListening);
    void stepsFinished.then(slots.take(ended));
  }

  return { idle: slots.idle, [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose]() };
}
