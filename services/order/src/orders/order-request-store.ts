import type { Actor } from "@sagacart/chassis/auth/actor";
import type { Transaction } from "@sagacart/chassis/postgres/pool";

/** A request to pay an order. */
export type PaymentAttempt = {
  readonly orderId: string;
  readonly attempt: number;
  /** Undefined for the method that the order has. */
  readonly paymentMethod: string | undefined;
  readonly actor: Actor;
};

/** Records that an attempt to pay was requested, on an order that the caller has locked. */
export async function savePaymentAttempt(
  tx: Transaction,
  { orderId, attempt, paymentMethod, actor }: PaymentAttempt,
): Promise<void> {
  await tx.query(
    `update orders set payment_attempt = $2, payment_pending = true, decline_reason = '',
                       payment_method = coalesce($3, payment_method), pay_actor_kind = $4, pay_actor_id = $5,
                       update_time = now() where id = $1`,
    [orderId, attempt, paymentMethod ?? null, actor.kind, actor.id],
  );
}

/** A request to cancel an order. */
export type Cancellation = {
  readonly actor: Actor;
  /** The reason that the customer gave or is told. */
  readonly detail: string;
  /** For the shop's people only. */
  readonly internalReason: string;
};

/** Records that a cancel was requested, on an order that the caller has locked. */
export async function saveCancelRequest(tx: Transaction, orderId: string, request: Cancellation): Promise<void> {
  const { actor, detail, internalReason } = request;
  await tx.query(
    `update orders set cancel_request_time = now(), cancel_detail = $2, cancel_internal_reason = $3,
                       cancel_actor_kind = $4, cancel_actor_id = $5, update_time = now() where id = $1`,
    [orderId, detail, internalReason, actor.kind, actor.id],
  );
}
