import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "../errors.ts";

/** The reasons for refusing a caller, the same in each service. */
export const authReasons = defineReasons({
  TOKEN_MISSING: Code.Unauthenticated,
  TOKEN_EXPIRED: Code.Unauthenticated,
  TOKEN_INVALID: Code.Unauthenticated,
  /** Its session has ended, or its user has changed since it was issued. Refresh it or sign in again. */
  TOKEN_REVOKED: Code.Unauthenticated,
  ROLE_REQUIRED: Code.PermissionDenied,
  /** The contract does not name this program of the shop among the method's callers. */
  SERVICE_NOT_ALLOWED: Code.PermissionDenied,
  /** A token of a program at the gateway, which serves people only. */
  PEOPLE_ONLY: Code.PermissionDenied,
  NOT_YOURS: Code.PermissionDenied,
  /** The application was not given the scope that the method needs: `scope` in the metadata. See OIDC_CLIENTS. */
  SCOPE_REQUIRED: Code.PermissionDenied,
  /** The caller signed in too long ago for this. Confirm the password, or sign in again. */
  FRESH_SIGN_IN_REQUIRED: Code.PermissionDenied,
  /**
   * This needs a second factor: enroll one, or sign in or confirm the password with it. If the metadata has
   * `max_age_seconds`, one that was given so long ago at most.
   */
  SECOND_FACTOR_REQUIRED: Code.PermissionDenied,
  /** The request names another customer's id in its path. The same whether the resource exists or not. */
  NOT_FOUND: Code.NotFound,
  /** The issuer's keys, or a token of our own, cannot be fetched. */
  ISSUER_UNAVAILABLE: Code.Unavailable,
  /** Another service refused this one's own token. The caller is not to blame. */
  OWN_TOKEN_REFUSED: Code.Unavailable,
});

/** Creates the error for a refused caller. */
export function authError(
  reason: keyof typeof authReasons,
  message: string,
  metadata: Readonly<Record<string, string>> = {},
  cause?: unknown,
): DomainError<typeof authReasons> {
  return new DomainError(authReasons, reason, message, metadata, cause === undefined ? {} : { cause });
}
