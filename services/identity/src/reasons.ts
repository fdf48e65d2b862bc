import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The error reasons of identity, with their status codes. */
export const reasons = defineReasons({
  USERNAME_TAKEN: Code.AlreadyExists,
  EMAIL_TAKEN: Code.AlreadyExists,
  PASSWORD_TOO_SHORT: Code.InvalidArgument,
  BAD_UPDATE_MASK: Code.InvalidArgument,
  BAD_CREDENTIALS: Code.Unauthenticated,
  BAD_REFRESH_TOKEN: Code.Unauthenticated,
  BAD_RESET_TOKEN: Code.Unauthenticated,
  TOKEN_REQUIRED: Code.Unauthenticated,
  TOO_MANY_ATTEMPTS: Code.ResourceExhausted,
  TOO_BUSY: Code.Unavailable,
  USER_NOT_FOUND: Code.NotFound,
  ADDRESS_NOT_FOUND: Code.NotFound,
  ETAG_MISMATCH: Code.Aborted,
  LAST_OPERATOR: Code.FailedPrecondition,
  TOO_MANY_ADDRESSES: Code.FailedPrecondition,
});
