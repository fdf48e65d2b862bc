import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The reasons of this service's errors, with their codes. */
export const reasons = defineReasons({
  CART_NOT_FOUND: Code.NotFound,
  CART_EXISTS: Code.AlreadyExists,
  CART_CHECKING_OUT: Code.Aborted,
  CART_CLOSED: Code.FailedPrecondition,
  CART_EMPTY: Code.FailedPrecondition,
  CART_LIMIT: Code.FailedPrecondition,
  CART_NAMED_TWICE: Code.InvalidArgument,
  ETAG_MISMATCH: Code.Aborted,
  PRODUCT_NOT_FOUND: Code.NotFound,
  CURRENCY_MISMATCH: Code.FailedPrecondition,
  ORDER_NOT_FOUND: Code.NotFound,
  ORDER_EXISTS: Code.AlreadyExists,
  ORDER_TOO_HIGH: Code.FailedPrecondition,
  PRICE_CHANGED: Code.FailedPrecondition,
  REQUEST_ID_REUSED: Code.FailedPrecondition,
  CONTENTION: Code.Aborted,
  NOT_PAYABLE: Code.FailedPrecondition,
  TOO_MANY_ATTEMPTS: Code.FailedPrecondition,
  NOT_CANCELLABLE: Code.FailedPrecondition,
  NOT_REFUNDABLE: Code.FailedPrecondition,
  REFUND_TOO_HIGH: Code.FailedPrecondition,
  REFUND_NOT_FOUND: Code.NotFound,
  INCIDENT_NOT_FOUND: Code.NotFound,
  INCIDENT_RESOLVED: Code.FailedPrecondition,
});
