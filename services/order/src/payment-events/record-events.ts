import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Event } from "@sagacart/proto/event/v1/event";
import { recordDispute } from "../disputes/record-dispute.ts";
import { lockOrder, lockOrders } from "../orders/order-store.ts";
import { recordOutsideRefund } from "../refunds/outside-refund.ts";
import { type PaymentNews, readPaymentEvent, UnreadableEventError } from "./payment-event.ts";

/** The result of a page of events: the orders that changed, and the events that could not be recorded. */
export type Recorded = {
  readonly changed: ReadonlySet<string>;
  readonly skipped: readonly { readonly event: Event; readonly reason: string }[];
};

/**
 * Records the refunds and disputes of payments with their orders. Each has its effect once, however often its event comes.
 * An event that cannot be read, or whose order does not exist, is left out and does not hold up the others.
 */
export async function recordPaymentEvents(tx: Transaction, events: readonly Event[]): Promise<Recorded> {
  const changed = new Set<string>();
  const skipped: { event: Event; reason: string }[] = [];
  const read: { event: Event; news: PaymentNews }[] = [];
  for (const event of events) {
    try {
      const news = readPaymentEvent(event);
      if (news !== undefined) {
        read.push({ event, news });
      }
    } catch (error) {
      if (!(error instanceof UnreadableEventError || error instanceof SyntaxError)) {
        throw error;
      }
      skipped.push({ event, reason: error.message });
    }
  }
  // All at once and in one order, as the saga's moves do, so that the two do not deadlock.
  await lockOrders(tx, [...new Set(read.map(({ news }) => news.orderId))]);
  for (const { event, news } of read) {
    const { orderId: id } = news;
    const order = await lockOrder(tx, id);
    if (order === undefined) {
      skipped.push({ event, reason: `there is no order ${id}` });
    } else if (await record(tx, { ...order, id }, news)) {
      changed.add(id);
    }
  }
  return { changed, skipped };
}

async function record(
  tx: Transaction,
  order: Parameters<typeof recordDispute>[1],
  news: PaymentNews,
): Promise<boolean> {
  return news.kind === "refunded" ? await recordOutsideRefund(tx, order, news) : await recordDispute(tx, order, news);
}
