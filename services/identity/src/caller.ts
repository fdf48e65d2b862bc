import type { RoleName } from "@sagacart/chassis/auth/principal";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "./reasons.ts";
import { userNotFound } from "./users/user.ts";

// Checks which user's data a call may touch. The roles that may call a method at all are an option in the proto.

/** Replaces `me` with the caller's id. Throws TOKEN_REQUIRED if the caller is not signed in. */
export function resolveUserId(given: string): string {
  if (given !== "me") {
    return given;
  }
  const own = callContext()?.principal?.customerId;
  if (own === undefined) {
    throw new DomainError(reasons, "TOKEN_REQUIRED", '"me" needs a signed-in caller: send an access token');
  }
  return own;
}

/** Resolves the id of a user whom the caller may read: oneself, or anyone for staff. Throws USER_NOT_FOUND. */
export function requireReadable(given: string): string {
  return requireOwnOr(given, ["support", "operator"]);
}

/** The same for how far a user's deletion is: the services that delete their share may read it, too. */
export function requireErasureReadable(given: string): string {
  return requireOwnOr(given, ["support", "operator", "service"]);
}

/** Resolves the id of a user whose data the caller may change. Throws USER_NOT_FOUND. */
export function requireChangeable(given: string): string {
  return requireOwnOr(given, ["operator"]);
}

/** Resolves the caller's own id. Throws USER_NOT_FOUND for any other. */
export function requireOwn(given: string): string {
  return requireOwnOr(given, []);
}

function requireOwnOr(given: string, others: readonly RoleName[]): string {
  const id = resolveUserId(given);
  const principal = callContext()?.principal;
  // There is no principal where tokens are not verified, for example in tests of this service alone.
  if (principal !== undefined && principal.customerId !== id && !others.some((role) => principal.roles.has(role))) {
    throw userNotFound(id);
  }
  return id;
}
