import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { appendEvents } from "@sagacart/outbox/events/append";
import { orderEventData } from "../orders/order-event.ts";
import type { LockedOrder } from "../orders/order-store.ts";
import type { RefundNews, RefundSource } from "./refund.ts";
import { addRefunded, saveSuccess } from "./refund-store.ts";

/**
 * Records a refund that the payment service made, with an order that the caller has locked: it settles the one that was
 * asked for here, or adds one. Returns false if it was recorded before.
 */
export async function recordOutsideRefund(
  tx: Transaction,
  order: LockedOrder & { readonly id: string },
  news: RefundNews,
): Promise<boolean> {
  const saved = await saveSuccess(tx, order.id, news);
  if (saved === undefined) {
    return false;
  }
  await appendRefund(tx, order, { ...saved, amountMinor: news.amountMinor });
  return true;
}

/** A refund that succeeded, and what the customer is told of it; "" for nothing. */
type Appended = { refundId: string; amountMinor: bigint; source: RefundSource; publicReason: string };

/** Adds a refund that succeeded to an order that the caller has locked, with its event. */
export async function appendRefund(
  tx: Transaction,
  order: LockedOrder & { readonly id: string },
  { refundId, amountMinor, source, publicReason }: Appended,
): Promise<void> {
  await addRefunded(tx, order.id, amountMinor);
  await appendEvents(tx, [
    {
      subject: order.id,
      sequence: order.sequence + 1,
      type: "sagacart.order.refunded.v1",
      data: {
        ...orderEventData({ ...order, totalMinor: amountMinor }),
        refundId,
        source,
        ...(publicReason === "" ? {} : { detail: publicReason }),
        ...(order.contactEmail === "" ? {} : { contactEmail: order.contactEmail }),
      },
    },
  ]);
}
