import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The reasons of errors that stock returns, each with its gRPC code. */
export const reasons = defineReasons({
  PRODUCT_NOT_FOUND: Code.NotFound,
  PRODUCT_EXISTS: Code.AlreadyExists,
  PRODUCT_RESERVED: Code.FailedPrecondition,
  ETAG_MISMATCH: Code.Aborted,
  UNKNOWN_FIELD: Code.InvalidArgument,
  INSUFFICIENT_STOCK: Code.FailedPrecondition,
  STOCK_LIMIT: Code.FailedPrecondition,
  STOCK_CHANGED: Code.Aborted,
  NOT_RESERVED: Code.FailedPrecondition,
  OUT_OF_STOCK: Code.FailedPrecondition,
  RESERVATION_NOT_FOUND: Code.NotFound,
  RESERVATION_NOT_PINNED: Code.FailedPrecondition,
  RESERVATION_DIFFERS: Code.FailedPrecondition,
  RESERVATION_RELEASED: Code.FailedPrecondition,
  RESERVATION_EXPIRED: Code.FailedPrecondition,
  RESERVATION_COMMITTED: Code.FailedPrecondition,
  RESERVATION_REFUSED: Code.FailedPrecondition,
});
