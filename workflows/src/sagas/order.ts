import { CancellationScope, condition, continueAsNew, patched, setHandler, workflowInfo } from "@temporalio/workflow";
import { type Attempts, type RetryOptions, runWithRetries } from "./attempt.ts";
import { type Codes, decodeOutcomes } from "./codes.ts";
import { cancelUpdate, type OrderInput, payUpdate, progressQuery, retrySignal, settledSignal } from "./messages.ts";
import { type OrderState, type Outcome, plan, type StepName, undoing } from "./plan.ts";
import type { OrderView } from "./steps.ts";

/**
 * The saga of one order, from whatever state it is in: one that is paid later, waits for a payment provider or a
 * carrier, or is a poison order. The order's own state says what comes next; this workflow waits, asks, and goes on.
 */
export async function order({ orderId }: OrderInput): Promise<void> {
  const { workflowId } = workflowInfo();
  const attempts: Attempts = { step: "look", attempt: 0, lastError: "" };
  const retryNow = { asked: false };
  let waiting = false;
  let isAwake = false;
  const wake = () => {
    isAwake = true;
  };
  setHandler(progressQuery, () => ({ ...attempts, waiting }));
  setHandler(payUpdate, wake);
  setHandler(cancelUpdate, wake);
  setHandler(settledSignal, wake);
  setHandler(retrySignal, () => {
    retryNow.asked = true;
    wake();
  });

  await CancellationScope.nonCancellable(async () => {
    for (let waits = 0; ; ) {
      isAwake = false;
      const view = await retrying("look", (steps) => steps.look({ workflowId, orderId }));
      const outcome = await goOn(view);
      if (outcome === "gone") {
        return;
      }
      if (outcome === "waits") {
        waits++;
        waiting = true;
        await condition(() => isAwake, waitMs(view, waits));
        waiting = false;
      } else {
        waits = 0;
      }
      if (workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof order>({ orderId });
      }
    }
  });

  /** Does what an order in this state needs next. */
  async function goOn(view: OrderView): Promise<Outcome> {
    if (view.state === "AWAITING_PAYMENT") {
      return await awaitPayment(view);
    }
    if (includes(undoing.from, view.state)) {
      return await runStep(undoing.name);
    }
    let outcome: Outcome | undefined;
    for (const { name, from, patch } of plan) {
      if (includes(from, view.state) && (patch === undefined || patched(patch))) {
        outcome = await runStep(name);
        if (outcome !== "next") {
          return outcome;
        }
      }
    }
    return outcome ?? "gone";
  }

  async function awaitPayment(view: OrderView): Promise<Outcome> {
    // A pending payment is asked about first: its outcome decides what a cancellation or the expiry has to undo.
    if (view.paymentPending && !view.cancelRequested) {
      return outcomeOf(await retrying("charge", (steps) => steps.pay({ workflowId, orderId })));
    }
    if (view.cancelRequested || view.expireTimeMs <= Date.now()) {
      return outcomeOf(await retrying("undo", (steps) => steps.giveUp({ workflowId, orderId })));
    }
    return "waits";
  }

  async function runStep(name: StepName | "undo"): Promise<Outcome> {
    return outcomeOf(await retrying(name, (steps) => steps[name]({ workflowId, orderIds: [orderId] })));
  }

  async function retrying<T>(step: string, run: RetryOptions<T>["run"]): Promise<T> {
    return await runWithRetries<T>({ step, orderId, workflowId, run, throwPoison: false, attempts, retryNow });
  }
}

function includes(states: readonly OrderState[], state: string): boolean {
  return (states as readonly string[]).includes(state);
}

function outcomeOf(codes: Codes): Outcome {
  const [outcome] = decodeOutcomes(codes);
  if (outcome === undefined) {
    throw new Error("a step answered no outcome for its order");
  }
  return outcome;
}

/** Until an order that awaits its customer's payment expires; otherwise 5 s, doubled each time, up to 10 minutes. */
function waitMs(view: OrderView, waits: number): number {
  if (view.state === "AWAITING_PAYMENT" && !view.paymentPending) {
    return Math.max(1, view.expireTimeMs - Date.now());
  }
  return Math.min(5_000 * 2 ** Math.min(waits - 1, 10), 600_000);
}
