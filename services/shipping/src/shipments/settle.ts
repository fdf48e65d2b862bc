import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents } from "@sagacart/outbox/events/append";
import type { Result } from "../carrier/carrier-queue.ts";
import { requestRecalls } from "../carrier/recall-store.ts";
import { type Decision, type Shipment, settledEvent } from "./shipment.ts";
import { type Settlement, settleShipments } from "./shipment-store.ts";

/**
 * Settles PENDING shipments that the carrier decided, with their events, and with a command where a workflow waits. A
 * shipment that the carrier accepted although it is cancelled here is called back. The first decision counts; a second
 * changes nothing.
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

/** The command for the workflow that waits for the shipment. */
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
