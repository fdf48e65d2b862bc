import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The error reasons of identity, with their status codes. */
export const reasons = defineReasons({
  /** The user name is taken, in any case. */
  USERNAME_TAKEN: Code.AlreadyExists,
  /** The e-mail address is taken, in any case. Told only to programs. */
  EMAIL_TAKEN: Code.AlreadyExists,
  /** The password is shorter than configured; `min_length` is in the metadata. */
  PASSWORD_TOO_SHORT: Code.InvalidArgument,
  /** The password is one of those that are guessed first. */
  PASSWORD_TOO_COMMON: Code.InvalidArgument,
  /** The password is mostly made of words that are guessed for this shop, such as its name; `words` are in the metadata. */
  PASSWORD_TOO_OBVIOUS: Code.InvalidArgument,
  /** The password is known from a breach of another site. */
  PASSWORD_BREACHED: Code.InvalidArgument,
  /** The user's password is not good enough for an operator. The user has to change it first. */
  OPERATOR_PASSWORD_TOO_SHORT: Code.FailedPrecondition,
  /** The mask names a field that cannot be changed, or clears a field that cannot be empty. */
  BAD_UPDATE_MASK: Code.InvalidArgument,
  /** The user name or the password is wrong. */
  BAD_CREDENTIALS: Code.Unauthenticated,
  /** The refresh token is unknown, has expired or was used before. Sign in again. */
  BAD_REFRESH_TOKEN: Code.Unauthenticated,
  /** The token for a new password is unknown, has expired or was used before. Request a new mail. */
  BAD_RESET_TOKEN: Code.Unauthenticated,
  /** The token from a mail to an e-mail address is unknown, has expired or was used before. Request a new mail. */
  BAD_EMAIL_TOKEN: Code.Unauthenticated,
  /** The e-mail address has to be confirmed first, by the link that was mailed to it. */
  EMAIL_NOT_VERIFIED: Code.FailedPrecondition,
  /** The code is wrong, has expired or was used before. Wait for the next code of the app, or use a recovery code. */
  BAD_SECOND_FACTOR: Code.Unauthenticated,
  /** The passkey is unknown, or the browser's answer is wrong, of another page, or too old. Begin again. */
  BAD_PASSKEY: Code.Unauthenticated,
  /** The passkey is enrolled already. Make another one. */
  PASSKEY_EXISTS: Code.AlreadyExists,
  /** The token of a sign-in that waits for its second factor is unknown, has expired or was used before. Sign in again. */
  BAD_SIGN_IN_TOKEN: Code.Unauthenticated,
  /** The user has no such second factor, or none that waits to be confirmed. */
  FACTOR_NOT_FOUND: Code.NotFound,
  /** The user has ten second factors. Delete one first. */
  TOO_MANY_FACTORS: Code.FailedPrecondition,
  /** The user has no second factor. Enroll one first. */
  NO_SECOND_FACTOR: Code.FailedPrecondition,
  /** `me` needs a signed-in caller. */
  TOKEN_REQUIRED: Code.Unauthenticated,
  /** Too many attempts for this name or from this network. Retry after the time in the error. */
  TOO_MANY_ATTEMPTS: Code.ResourceExhausted,
  /** Too many passwords are being checked at the moment. Try again. */
  TOO_BUSY: Code.Unavailable,
  /** The user does not exist, or the caller may not see or change it. */
  USER_NOT_FOUND: Code.NotFound,
  /** The user was not deleted, or no such service keeps personal data of users. */
  ERASURE_NOT_FOUND: Code.NotFound,
  /** There is a user with this id: delete the user. */
  USER_EXISTS: Code.FailedPrecondition,
  /** The user has no such address. */
  ADDRESS_NOT_FOUND: Code.NotFound,
  /** The resource has changed since it was read. Read it again. */
  ETAG_MISMATCH: Code.Aborted,
  /** The last operator cannot lose the role or be deleted. */
  LAST_OPERATOR: Code.FailedPrecondition,
  /** The user has 100 addresses. Delete one first. */
  TOO_MANY_ADDRESSES: Code.FailedPrecondition,
});
