import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents } from "@sagacart/outbox/events/append";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { type Delay, type DelayTimes, delayAsks, requestRecalls } from "./ask-store.ts";
import type { CarrierAnswer } from "./carrier.ts";
import { type Decision, type Shipment, settledEvent } from "./shipment.ts";
import { findShipments, lockShipments, type Settlement, settleShipments } from "./store.ts";

/** What came of asking the carrier for one shipment. */
export type Result = {
  readonly orderId: string;
  readonly answer: CarrierAnswer | { readonly kind: Exclude<Delay["why"], "pending"> };
};

/**
 * Writes what the carrier said. `answering`: the callers that asked for the shipments are being answered, and those
 * whose shipment is still PENDING are told to wait. Otherwise nobody is listening any more, and whatever is settled
 * records a command. Answers the shipments as they then stand.
 */
export type WriteResults = (
  results: readonly Result[],
  options: { answering: boolean },
) => Promise<Map<string, Shipment>>;

export type ResultsOptions = DelayTimes & { pool: Pool; feed: EventFeed; commands: CommandOutbox };

export function createResults({ pool, feed, commands, ...times }: ResultsOptions): WriteResults {
  return async (results, { answering }) => {
    const orderIds = results.map(({ orderId }) => orderId).sort();
    const shipments = await withTransaction(pool, async (tx) => {
      const before = await lockShipments(tx, orderIds);
      await settle(tx, before, results, { answering });
      const delays = results.flatMap(({ orderId, answer }) =>
        isDecision(answer) ? [] : [{ orderId, why: answer.kind }],
      );
      await delayAsks(tx, delays, { ...times, awaited: answering });
      return answering ? await findShipments(tx, orderIds) : before;
    });
    feed.notify();
    commands.notify();
    return shipments;
  };
}

/**
 * Settles what is PENDING and was decided, with its event, and with a command where somebody waits for it. What the
 * carrier has taken although it was cancelled here is called back. The first decision
 * counts; a second changes nothing.
 */
export async function settle(
  tx: Transaction,
  locked: ReadonlyMap<string, Shipment>,
  results: readonly Result[],
  { answering }: { answering: boolean },
): Promise<void> {
  const settlements = new Map<string, Settlement>();
  const recalls: string[] = [];
  for (const { orderId, answer } of results) {
    const shipment = locked.get(orderId);
    if (shipment?.state === "PENDING" && isDecision(answer) && !settlements.has(orderId)) {
      settlements.set(orderId, settlement(orderId, answer));
    } else if (shipment?.state === "CANCELLED" && answer.kind === "accepted") {
      recalls.push(orderId);
    }
  }
  const settled = await settleShipments(tx, [...settlements.values()]);
  await requestRecalls(tx, recalls, 0);
  await appendEvents(tx, settled.map(settledEvent));
  const awaited = settled.filter(({ orderId }) => !answering || locked.get(orderId)?.awaited);
  await recordCommands(tx, awaited.map(settledCommand));
}

/** Tells the workflow that waits for the shipment. */
export function settledCommand({ orderId, state }: Shipment) {
  return { kind: "SHIPMENT_SETTLED", subject: orderId, data: { state } };
}

function isDecision(answer: Result["answer"]): answer is Decision {
  return answer.kind === "accepted" || answer.kind === "refused" || answer.kind === "cancelled";
}

function settlement(orderId: string, decision: Decision): Settlement {
  const trackingNumber = decision.kind === "accepted" ? decision.trackingNumber : "";
  const refusalReason = decision.kind === "refused" ? decision.reason : "";
  return { orderId, state: states[decision.kind], trackingNumber, refusalReason };
}

const states = { accepted: "ACCEPTED", refused: "REFUSED", cancelled: "CANCELLED" } as const;
