import {
  CancellationScope,
  patched,
  setCurrentDetails,
  setHandler,
  TemporalFailure,
  workflowInfo,
} from "@temporalio/workflow";
import { type Attempts, carry, isPoison, persistent, runWithRetries } from "./attempt.ts";
import { type Codes, createTally, sortByOutcome } from "./codes.ts";
import { type CheckoutInput, type CheckoutResult, progressQuery, retrySignal } from "./messages.ts";
import { type Outcome, plan, type StepName } from "./plan.ts";

/**
 * The saga over a batch of orders: the steps of the plan, one after the other. An order that is refused at a step drops
 * out and is undone beside the others; one that waits for a provider or its customer moves to a workflow of its own.
 *
 * The undo of each step is fixed before the step runs: an order that is undone has all steps undone, last first,
 * whether or not they were seen to succeed, and each undo leaves a tombstone where nothing had arrived yet. The order
 * records that it is being undone, and how it will end, before the first undo, so that a second run of this batch
 * goes on from there.
 *
 * Nearly always all goes well, so all steps first run in a row, as one activity. When one fails, they run one by one,
 * from whatever states the orders are in by then.
 *
 * Cancelling this workflow in Temporal changes nothing: orders are cancelled one by one, by OrderService.
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
    /** Undos and hand-overs, which run beside the steps. */
    const sideWork: Promise<void>[] = [];
    let handedOver = 0;
    const tally = createTally(orderIds.length);
    /** What Temporal's page shows of a run. It is the answer to a query, and leaves no event. */
    const tell = () => setCurrentDetails(tally.toString());
    const counted = (codes: Codes): Codes => {
      tally.add(codes);
      tell();
      return codes;
    };

    if (atOnce !== true || !(await runAllAtOnce())) {
      let going = orderIds;
      for (const { name, patch } of plan) {
        if (patch === undefined || patched(patch)) {
          going = (await runStep(name, going)).next;
        }
      }
    }
    // Side work may add more side work: an undo that has to wait.
    while (sideWork.length > 0) {
      await sideWork.shift();
    }
    return { settled: orderIds.length - handedOver, handedOver, summary: tally.toString() };

    /** Returns true if all steps succeeded. */
    async function runAllAtOnce(): Promise<boolean> {
      Object.assign(attempts, { step: "carry", attempt: 1 });
      let codes: Codes;
      try {
        codes = await carry({ workflowId, orderIds });
      } catch (error) {
        if (error instanceof TemporalFailure) {
          // The step that failed is run again by itself, with retries and incidents.
          return false;
        }
        throw error;
      }
      startSideWork(sortByOutcome(orderIds, counted(codes)));
      return true;
    }

    async function runStep(name: StepName | "undo", ids: readonly string[]): Promise<Sorted> {
      const sorted = await runOrSplit(name, ids);
      startSideWork(sorted);
      return sorted;
    }

    function startSideWork({ undo, waits }: Sorted): void {
      if (undo.length > 0) {
        sideWork.push(runStep("undo", undo).then(() => {}));
      }
      if (waits.length > 0) {
        sideWork.push(handOver(waits, "waits"));
      }
    }

    /** Halves a batch that fails on a poison order, in the recorded order, until that order is alone. */
    async function runOrSplit(name: StepName | "undo", ids: readonly string[]): Promise<Sorted> {
      const [orderId] = ids;
      if (orderId === undefined) {
        return sortByOutcome([], "");
      }
      try {
        const codes = await runWithRetries({
          step: name,
          orderId,
          workflowId,
          run: (steps) => steps[name]({ workflowId, orderIds: ids }),
          throwPoison: true,
          attempts,
          retryNow,
        });
        return sortByOutcome(ids, counted(codes));
      } catch (error) {
        if (!isPoison(error)) {
          throw error;
        }
      }
      if (ids.length === 1) {
        sideWork.push(handOver(ids, "poison"));
        return sortByOutcome([], "");
      }
      const middle = Math.ceil(ids.length / 2);
      const first = await runOrSplit(name, ids.slice(0, middle));
      const second = await runOrSplit(name, ids.slice(middle));
      return {
        next: [...first.next, ...second.next],
        waits: [...first.waits, ...second.waits],
        undo: [...first.undo, ...second.undo],
        gone: [...first.gone, ...second.gone],
      };
    }

    async function handOver(ids: readonly string[], why: "waits" | "poison"): Promise<void> {
      handedOver += ids.length;
      tally.handedOver(ids.length);
      tell();
      await persistent.handOver({ workflowId, orderIds: ids, why });
    }
  });
}

type Sorted = Readonly<Record<Outcome, string[]>>;
