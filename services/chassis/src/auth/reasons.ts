import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "../errors.ts";

/** Why a caller is turned away, in each service alike. */
export const authReasons = defineReasons({
  TOKEN_MISSING: Code.Unauthenticated,
  TOKEN_EXPIRED: Code.Unauthenticated,
  TOKEN_INVALID: Code.Unauthenticated,
  ROLE_REQUIRED: Code.PermissionDenied,
  NOT_YOURS: Code.PermissionDenied,
  /** Something of another customer was asked for by that customer's id: the same whether it is there or not. */
  NOT_FOUND: Code.NotFound,
  /** The issuer of tokens cannot be asked for its keys, or for a token of our own. */
  ISSUER_UNAVAILABLE: Code.Unavailable,
  /** Another service did not take this one's own token. The caller has nothing to do with it. */
  OWN_TOKEN_REFUSED: Code.Unavailable,
});

/** A refusal of this kind. */
export function authError(
  reason: keyof typeof authReasons,
  message: string,
  metadata: Readonly<Record<string, string>> = {},
  cause?: unknown,
): DomainError<typeof authReasons> {
  return new DomainError(authReasons, reason, message, metadata, cause === undefined ? {} : { cause });
}
