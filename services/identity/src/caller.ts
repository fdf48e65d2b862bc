import type { RoleName } from "@sagacart/chassis/auth/principal";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "./reasons.ts";

// Whose things a call may touch. Which roles may call a method at all, its option in the proto says.

/** The id that `me` stands for. Throws TOKEN_REQUIRED where nobody is signed in. */
export function userIdOf(given: string): string {
  if (given !== "me") {
    return given;
  }
  const own = callContext()?.principal?.customerId;
  if (own === undefined) {
    throw new DomainError(reasons, "TOKEN_REQUIRED", '"me" is whoever is signed in, and nobody is');
  }
  return own;
}

/** The user's id, where the caller may look: it is their own, or they help customers. Throws USER_NOT_FOUND. */
export function readable(given: string): string {
  return ownOr(given, ["support", "operator", "service"]);
}

/** The user's id, where the caller may change what is the user's. Throws USER_NOT_FOUND. */
export function changeable(given: string): string {
  return ownOr(given, ["operator", "service"]);
}

/** The user's id, where it is the caller's own. Throws USER_NOT_FOUND. */
export function own(given: string): string {
  return ownOr(given, []);
}

/** There is no such user, or the caller may not know. */
export function userNotFound(id: string): DomainError {
  return new DomainError(reasons, "USER_NOT_FOUND", `there is no user ${id}`, { user_id: id });
}

function ownOr(given: string, others: readonly RoleName[]): string {
  const id = userIdOf(given);
  const principal = callContext()?.principal;
  // Without one the call came in by a way that verifies nobody, as in a test of this service alone.
  if (principal !== undefined && principal.customerId !== id && !others.some((role) => principal.roles.has(role))) {
    throw userNotFound(id);
  }
  return id;
}
