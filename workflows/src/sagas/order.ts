import { CancellationScope, condition, continueAsNew, setHandler, workflowInfo } from "@temporalio/workflow";
import { type Attempts, type StepName, stepOver, untilDone } from "./attempt.ts";
import { cancelUpdate, type OrderInput, payUpdate, progressQuery, retrySignal, settledSignal } from "./messages.ts";
import type { Codes, OrderView } from "./steps.ts";

/**
 * The saga of one order, from wherever it stands: one that is paid later, waits for a provider or a carrier, or is
 * hard to carry. The order's own state says what is next; this workflow only waits, asks, and goes on.
 */
export async function order({ orderId }: OrderInput): Promise<void> {
  const { workflowId } = workflowInfo();
  const attempts: Attempts = { step: "look", attempt: 0, lastError: "" };
  const retryNow = { asked: false };
  let waiting = false;
  let news = false;
  const tell = () => {
    news = true;
  };
  setHandler(progressQuery, () => ({ ...attempts, waiting }));
  setHandler(payUpdate, tell);
  setHandler(cancelUpdate, tell);
  setHandler(settledSignal, tell);
  setHandler(retrySignal, () => {
    retryNow.asked = true;
    tell();
  });

  await CancellationScope.nonCancellable(async () => {
    for (let waits = 0; ; ) {
      news = false;
      const view = await attempt("look", (steps) => steps.look({ workflowId, orderId }));
      const code = await goOn(view);
      if (code === "g") {
        return;
      }
      if (code === "w") {
        waits++;
        waiting = true;
        await condition(() => news, waitMs(view, waits));
        waiting = false;
      } else {
        waits = 0;
      }
      if (workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof order>({ orderId });
      }
    }
  });

  /** The next step of an order that stands there. */
  async function goOn(view: OrderView): Promise<Codes> {
    switch (view.state) {
      case "PENDING": {
        const reserved = await step("reserve");
        return reserved === "n" ? await step("charge") : reserved;
      }
      case "RESERVED":
        return await step("charge");
      case "AWAITING_PAYMENT":
        return await awaitPayment(view);
      case "PAID":
      case "SHIPPING":
        return await step("ship");
      case "CANCELLING":
        return await step("undo");
      default:
        return "g";
    }
  }

  async function awaitPayment(view: OrderView): Promise<Codes> {
    // A payment under way is asked for first: what it comes to decides what a cancel or the end of time have to undo.
    if (view.paymentPending && !view.cancelRequested) {
      return await attempt("charge", (steps) => steps.pay({ workflowId, orderId }));
    }
    if (view.cancelRequested || view.expireTimeMs <= Date.now()) {
      return await attempt("undo", (steps) => steps.giveUp({ workflowId, orderId }));
    }
    return "w";
  }

  async function step(name: StepName): Promise<Codes> {
    return await attempt(name, stepOver(name, { workflowId, orderIds: [orderId] }));
  }

  async function attempt<T>(name: string, run: Parameters<typeof untilDone<T>>[0]["run"]): Promise<T> {
    return await untilDone<T>({ step: name, orderId, workflowId, run, throwBad: false, attempts, retryNow });
  }
}

/** Until the order expires where its customer is waited for; else 5 s, and longer each time, up to 10 minutes. */
function waitMs(view: OrderView, waits: number): number {
  if (view.state === "AWAITING_PAYMENT" && !view.paymentPending) {
    return Math.max(1, view.expireTimeMs - Date.now());
  }
  return Math.min(5_000 * 2 ** Math.min(waits - 1, 10), 600_000);
}
