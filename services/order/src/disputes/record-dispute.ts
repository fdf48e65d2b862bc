import { currentActor } from "@sagacart/chassis/auth/actor";
import { formatMoney } from "@sagacart/chassis/money";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { appendEvents } from "@sagacart/outbox/events/append";
import { raiseIncident, resolveIncidentOf } from "../incidents/incident-store.ts";
import { orderEventData } from "../orders/order-event.ts";
import type { LockedOrder } from "../orders/order-store.ts";
import { type DisputeNews, withNews } from "./dispute.ts";
import { saveDisputes } from "./dispute-store.ts";

/** The step of the incidents about disputes: no workflow runs it. */
export const disputeStep = "dispute";

/**
 * Records news of a dispute with the order, with its event. While a dispute is open, so is an incident, because only a
 * person can answer the bank, and has little time for it. Returns false if the news change nothing.
 */
export async function recordDispute(
  tx: Transaction,
  order: LockedOrder & { readonly id: string },
  news: DisputeNews,
): Promise<boolean> {
  const { id: orderId, currency } = order;
  const { disputeId, state, amountMinor, reason } = news;
  const disputes = withNews(order.disputes, news, new Date());
  if (disputes === undefined) {
    return false;
  }
  await saveDisputes(tx, orderId, disputes);
  await appendEvents(tx, [
    {
      subject: orderId,
      sequence: order.sequence + 1,
      type: `sagacart.order.dispute_${state === "OPEN" ? "opened" : state.toLowerCase()}.v1`,
      data: {
        ...orderEventData({ ...order, totalMinor: amountMinor }),
        disputeId,
        ...(reason === "" ? {} : { reason }),
      },
    },
  ]);
  if (state === "OPEN") {
    const amount = formatMoney({ currencyCode: currency, minorUnits: amountMinor });
    const why = reason === "" ? "" : ` (${reason})`;
    const error = `the customer's bank disputes ${amount}${why}: answer dispute ${disputeId} at the card provider`;
    await raiseIncident(tx, { orderId, step: disputeStep, workflowId: "", error, attempts: 0 });
  } else if (!disputes.some((dispute) => dispute.state === "OPEN")) {
    const resolution = `dispute ${disputeId} was ${state.toLowerCase()}`;
    await resolveIncidentOf(tx, { orderId, step: disputeStep, resolution, actor: currentActor() });
  }
  return true;
}
