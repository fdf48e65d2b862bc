import { CancellationScope, setHandler, TemporalFailure, workflowInfo } from "@temporalio/workflow";
import { type Attempts, carry, isBad, persistent, type StepName, stepOver, untilDone } from "./attempt.ts";
import { type CheckoutInput, type CheckoutResult, progressQuery, retrySignal } from "./messages.ts";
import type { Codes } from "./steps.ts";

/**
 * The saga over a batch of orders: reserve, charge, ship. An order that is refused at a step drops out and is undone
 * beside the others; one that has to wait for the world outside leaves for a workflow of its own.
 *
 * The undo of each step is fixed before the step is done: whatever is undone has all of it undone, last first, seen to
 * succeed or not, and each undo leaves a tombstone where nothing had come yet. What is to be undone is written into
 * the order (CANCELLING, and as what it ends) before the first undo, so that a second run of this batch goes on there.
 *
 * All goes well nearly always, so all steps are done in a row first. Where one fails, they are done one by one, from
 * wherever the orders stand by then.
 *
 * Cancelling this workflow in Temporal changes nothing, since orders are cancelled one by one, by OrderService.
 */
export async function checkout({ orderIds, atOnce }: CheckoutInput): Promise<CheckoutResult> {
  const { workflowId } = workflowInfo();
  const attempts: Attempts = { step: "begin", attempt: 0, lastError: "" };
  const retryNow = { asked: false };
  setHandler(progressQuery, () => ({ ...attempts, waiting: false }));
  setHandler(retrySignal, () => {
    retryNow.asked = true;
  });

  return await CancellationScope.nonCancellable(async () => {
    const aside: Promise<void>[] = [];
    let handedOver = 0;

    if (atOnce !== true || !(await allInARow())) {
      const reserved = await step("reserve", orderIds);
      const charged = await step("charge", reserved.next);
      await step("ship", charged.next);
    }
    // What was put aside may put more aside: an undo that has to wait.
    while (aside.length > 0) {
      await aside.shift();
    }
    return { settled: orderIds.length - handedOver, handedOver };

    /** Whether it went well. */
    async function allInARow(): Promise<boolean> {
      Object.assign(attempts, { step: "carry", attempt: 1 });
      let codes: Codes;
      try {
        codes = await carry({ workflowId, orderIds });
      } catch (error) {
        if (error instanceof TemporalFailure) {
          // The step that failed is tried again by itself, with all that is done about it.
          return false;
        }
        throw error;
      }
      putAside(sort(orderIds, codes));
      return true;
    }

    async function step(name: StepName, ids: readonly string[]): Promise<Sorted> {
      const sorted = await runStep(name, ids);
      putAside(sorted);
      return sorted;
    }

    function putAside({ undo, waits }: Sorted): void {
      if (undo.length > 0) {
        aside.push(step("undo", undo).then(() => {}));
      }
      if (waits.length > 0) {
        aside.push(handOver(waits, "waits"));
      }
    }

    /** A batch that trips over one of its orders is halved, in the order recorded, until the bad one stands alone. */
    async function runStep(name: StepName, ids: readonly string[]): Promise<Sorted> {
      const [orderId] = ids;
      if (orderId === undefined) {
        return { next: [], undo: [], waits: [] };
      }
      try {
        const run = stepOver(name, { workflowId, orderIds: ids });
        const codes = await untilDone({ step: name, orderId, workflowId, run, throwBad: true, attempts, retryNow });
        return sort(ids, codes);
      } catch (error) {
        if (!isBad(error)) {
          throw error;
        }
      }
      if (ids.length === 1) {
        aside.push(handOver(ids, "bad"));
        return { next: [], undo: [], waits: [] };
      }
      const middle = Math.ceil(ids.length / 2);
      const first = await runStep(name, ids.slice(0, middle));
      const second = await runStep(name, ids.slice(middle));
      return {
        next: [...first.next, ...second.next],
        undo: [...first.undo, ...second.undo],
        waits: [...first.waits, ...second.waits],
      };
    }

    async function handOver(ids: readonly string[], why: string): Promise<void> {
      handedOver += ids.length;
      await persistent.handOver({ workflowId, orderIds: ids, why });
    }
  });
}

type Sorted = { readonly next: string[]; readonly undo: string[]; readonly waits: string[] };

function sort(ids: readonly string[], codes: Codes): Sorted {
  const with_ = (code: string) => ids.filter((_, index) => codes[index] === code);
  return { next: with_("n"), undo: with_("u"), waits: with_("w") };
}
