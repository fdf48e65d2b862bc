import type { Transaction } from "@sagacart/chassis/postgres/pool";

/** Records that an attempt to pay was requested, on an order that the caller has locked. */
export async function savePaymentAttempt(
  tx: Transaction,
  { orderId, attempt, paymentMethod }: { orderId: string; attempt: number; paymentMethod: string | undefined },
): Promise<void> {
  await tx.query(
    `update orders set payment_attempt = $2, payment_pending = true, decline_reason = '',
                       payment_method = coalesce($3, payment_method), update_time = now() where id = $1`,
    [orderId, attempt, paymentMethod ?? null],
  );
}

/** Records that a cancel was requested, on an order that the caller has locked. */
export async function saveCancelRequest(tx: Transaction, orderId: string, detail: string): Promise<void> {
  await tx.query(
    "update orders set cancel_request_time = now(), cancel_detail = $2, update_time = now() where id = $1",
    [orderId, detail],
  );
}
