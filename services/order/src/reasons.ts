import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The reasons of this service's errors, with their codes. */
export const reasons = defineReasons({
  /** The cart does not exist, or belongs to another customer or to a guest. */
  CART_NOT_FOUND: Code.NotFound,
  /** The id of the new cart is taken. */
  CART_EXISTS: Code.AlreadyExists,
  /** The cart is being checked out. It can be changed if its order fails. */
  CART_CHECKING_OUT: Code.Aborted,
  /** The cart was bought, deleted, merged or has expired. */
  CART_CLOSED: Code.FailedPrecondition,
  /** There is nothing to check out. */
  CART_EMPTY: Code.FailedPrecondition,
  /** A limit of carts, lines, quantity or total; `limit` and `max` in the metadata say which. */
  CART_LIMIT: Code.FailedPrecondition,
  /** A cart is named twice in one request, or is to be merged into itself. */
  CART_NAMED_TWICE: Code.InvalidArgument,
  /** The cart has changed since it was read. Read it again. */
  ETAG_MISMATCH: Code.Aborted,
  /** The product does not exist or is no longer sold. */
  PRODUCT_NOT_FOUND: Code.NotFound,
  /** Prices or amounts are in different currencies. */
  CURRENCY_MISMATCH: Code.FailedPrecondition,
  /** The order does not exist, or belongs to another customer. */
  ORDER_NOT_FOUND: Code.NotFound,
  /** The order id is taken by another order. */
  ORDER_EXISTS: Code.AlreadyExists,
  /** The total is above 10^15 minor units. */
  ORDER_TOO_HIGH: Code.FailedPrecondition,
  /** The total is not the expected one; both are in the metadata. */
  PRICE_CHANGED: Code.FailedPrecondition,
  /** The checkout asks for a longer time to pay than the shop allows; `max_seconds` in the metadata is the longest. */
  PAY_WITHIN_TOO_LONG: Code.InvalidArgument,
  /** The customer holds too much that is not paid; `limit` and `max` in the metadata say which limit. */
  UNPAID_LIMIT: Code.FailedPrecondition,
  /** Callers without a sign-in stored too much within the hour, on a network or in all; `limit` in the metadata says which. */
  ANONYMOUS_BUDGET: Code.ResourceExhausted,
  /** The request id was used before, with other content or for another call. */
  REQUEST_ID_REUSED: Code.FailedPrecondition,
  /** Concurrent calls kept changing the same cart or request id. Try again. */
  CONTENTION: Code.Aborted,
  /** The order does not await payment; its state is in the metadata. */
  NOT_PAYABLE: Code.FailedPrecondition,
  /** Payment of the order was attempted 20 times. */
  TOO_MANY_ATTEMPTS: Code.FailedPrecondition,
  /** The order is being shipped or is final; its state is in the metadata. */
  NOT_CANCELLABLE: Code.FailedPrecondition,
  /** A guest's order needs a card: neither the request nor the order names one. */
  PAYMENT_METHOD_REQUIRED: Code.InvalidArgument,
  /** A guest's order is claimed without a verified email address, and without its guest token. */
  ADDRESS_NOT_VERIFIED: Code.FailedPrecondition,
  /** A guest's order is claimed by a customer with another email address than its contact address. */
  CONTACT_DIFFERS: Code.FailedPrecondition,
  /** A guest's order can be claimed once it is final; its state is in the metadata. */
  NOT_CLAIMABLE: Code.FailedPrecondition,
  /** The order is not completed; its state is in the metadata. */
  NOT_REFUNDABLE: Code.FailedPrecondition,
  /** The refunds would exceed the order's total; `left_minor` in the metadata is the rest. */
  REFUND_TOO_HIGH: Code.FailedPrecondition,
  /** The order has no refund with this id. */
  REFUND_NOT_FOUND: Code.NotFound,
  /** The incident does not exist. */
  INCIDENT_NOT_FOUND: Code.NotFound,
  /** The incident is resolved, so it cannot be retried. */
  INCIDENT_RESOLVED: Code.FailedPrecondition,
  /** The incident is not about a step of a saga but, for example, about a dispute: a person has to act. */
  INCIDENT_NOT_RETRYABLE: Code.FailedPrecondition,
  /** The audit does not exist, or is not kept any more. */
  AUDIT_NOT_FOUND: Code.NotFound,
});
