import { callContext } from "../context.ts";
import type { Principal } from "./principal.ts";
import { authError } from "./reasons.ts";

/**
 * Throws FRESH_SIGN_IN_REQUIRED if a person proved who they are longer ago than this, or if their token does not say when. A
 * stolen token cannot be made fresh without the password. Programs are not asked; 0 asks nobody.
 */
export function requireFreshSignIn(principal: Principal, maxAgeMs: number): void {
  const { kind, authTimeMs = 0 } = principal;
  if (kind === "person" && maxAgeMs > 0 && Date.now() - authTimeMs > maxAgeMs) {
    const message =
      "this needs a fresh sign-in: confirm the password (POST /v1/sessions:confirmPassword) or sign in again";
    throw authError("FRESH_SIGN_IN_REQUIRED", message, { max_age_seconds: `${Math.round(maxAgeMs / 1000)}` });
  }
}

/** Does so for the caller: for methods that need it for some requests only. */
export function requireFreshCaller(): void {
  const context = callContext();
  if (context?.principal !== undefined) {
    requireFreshSignIn(context.principal, context.freshSignInMs ?? 0);
  }
}
