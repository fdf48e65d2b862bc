import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { appendEvents } from "@sagacart/outbox/events/append";
import { guestCustomerIdOf, isGuestCustomerId } from "../carts/guest-token.ts";
import { isFinal, orderNotFound } from "../orders/order.ts";
import { orderEventData } from "../orders/order-event.ts";
import { lockOrder } from "../orders/order-store.ts";
import { reasons } from "../reasons.ts";
import { saveClaim } from "./claim-store.ts";

/** A customer's claim of a guest's order. */
export type Claim = {
  readonly orderId: string;
  readonly customerId: string;
  /** The customer's email address, and whether it is proven to be the customer's. */
  readonly email: string;
  readonly isEmailVerified: boolean;
  /** "" if the customer does not have it. */
  readonly guestToken: string;
};

/** The proof by which a claim was accepted. Recorded in its event. */
type Proof = "VERIFIED_ADDRESS" | "GUEST_TOKEN";

/**
 * Makes a guest's order the customer's, with an event that says by which proof. Returns false if it is the customer's
 * already. Only a final order can be claimed: until then its saga charges and ships for the customer that it began with.
 *
 * Throws ADDRESS_NOT_VERIFIED before it looks at the order of anybody else, so that the error does not tell whether the
 * order exists.
 */
export async function claimOrder(pool: Pool, claim: Claim): Promise<boolean> {
  const { orderId, customerId } = claim;
  return await withTransaction(pool, async (tx) => {
    const order = await lockOrder(tx, orderId);
    if (order?.customerId === customerId) {
      return false;
    }
    checkAnyProof(claim);
    if (order === undefined || !isGuestCustomerId(order.customerId)) {
      throw orderNotFound(orderId);
    }
    const proof = proofOf(claim, order);
    const { state } = order;
    if (!isFinal(state)) {
      const message = `order ${orderId} is ${state}; it can be claimed once it is final`;
      throw new DomainError(reasons, "NOT_CLAIMABLE", message, { order_id: orderId, state });
    }
    await saveClaim(tx, { orderId, customerId });
    await appendEvents(tx, [
      {
        subject: orderId,
        sequence: order.sequence + 1,
        type: "sagacart.order.claimed.v1",
        data: {
          ...orderEventData({ ...order, id: orderId, customerId }),
          guestCustomerId: order.customerId,
          proof,
        },
      },
    ]);
    return true;
  });
}

function checkAnyProof({ guestToken, isEmailVerified }: Claim): void {
  if (guestToken === "" && !isEmailVerified) {
    const message = "your email address is not verified: verify it, or send the guest token of the order too";
    throw new DomainError(reasons, "ADDRESS_NOT_VERIFIED", message);
  }
}

/** Returns the proof that the order is the customer's. Throws if there is none. */
function proofOf(claim: Claim, order: { readonly customerId: string; readonly contactEmail: string }): Proof {
  const hasToken = claim.guestToken !== "" && guestCustomerIdOf(claim.guestToken) === order.customerId;
  const isSameAddress = claim.email !== "" && claim.email.toLowerCase() === order.contactEmail.toLowerCase();
  if (isSameAddress && claim.isEmailVerified) {
    return "VERIFIED_ADDRESS";
  }
  if (isSameAddress && hasToken) {
    return "GUEST_TOKEN";
  }
  if (hasToken) {
    const message = `order ${claim.orderId} was placed with another email address than yours`;
    throw new DomainError(reasons, "CONTACT_DIFFERS", message, { order_id: claim.orderId });
  }
  throw orderNotFound(claim.orderId);
}
