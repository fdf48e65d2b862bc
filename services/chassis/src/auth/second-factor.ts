import type { AccessRule } from "./access.ts";
import { isStaff } from "./actor.ts";
import type { Principal } from "./principal.ts";
import { authError } from "./reasons.ts";

/** How a server asks people for second factors. */
export type SecondFactorRules = {
  /** The people who need one. The staff are support and operators. */
  readonly secondFactorOf: "nobody" | "staff" | "everyone";
  /** How long a sign-in counts as fresh; 0 for ever. */
  readonly freshSignInMs: number;
};

/**
 * Throws SECOND_FACTOR_REQUIRED if a person calls a method without the second factor that it needs. The token tells by `amr`
 * and `auth_time`, so no call is made. Programs are not asked.
 */
export function requireSecondFactor(
  principal: Principal,
  { secondFactor, anyone }: AccessRule,
  { secondFactorOf, freshSignInMs }: SecondFactorRules,
): void {
  const isAsked =
    (secondFactorOf === "everyone" && principal.kind === "person") ||
    (secondFactorOf === "staff" && (isStaff(principal) || principal.isStaffWithoutRoles === true));
  if (!isAsked || anyone || secondFactor === "none") {
    return;
  }
  requireAnySecondFactor(principal);
  const ageMs = Date.now() - (principal.authTimeMs ?? 0);
  if (secondFactor === "fresh" && freshSignInMs > 0 && ageMs > freshSignInMs) {
    const message =
      "this needs a second factor given just now: confirm the password with a code (POST /v1/sessions:confirmPassword) " +
      "or sign in again";
    throw authError("SECOND_FACTOR_REQUIRED", message, { max_age_seconds: `${Math.round(freshSignInMs / 1000)}` });
  }
}

/** Throws SECOND_FACTOR_REQUIRED if the principal signed in without a second factor. */
export function requireAnySecondFactor({ hasSecondFactor }: Pick<Principal, "hasSecondFactor">): void {
  if (hasSecondFactor !== true) {
    const message =
      "this needs a sign-in with a second factor: sign in with it, or enroll one first " +
      "(POST /v1/users/me/factors:enrollTotp)";
    throw authError("SECOND_FACTOR_REQUIRED", message);
  }
}
