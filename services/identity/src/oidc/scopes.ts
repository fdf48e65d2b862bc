import { userClaims } from "../sessions/tokens.ts";
import type { User } from "../users/user.ts";

/** What an application learns of a user by each scope, in ID tokens and at `/oidc/userinfo`. */
export const claimsOfScopes = {
  openid: ["sub"],
  profile: ["preferred_username", "updated_at"],
  email: ["email", "email_verified"],
  phone: ["phone_number"],
  roles: ["roles"],
} as const;

/**
 * The scopes by which an application's access tokens open more than what each customer may do: with `roles`, what the user's other roles may;
 * with `account`, the methods that the contract marks with `account`. Access tokens have the claim `scope` with them.
 */
export const apiScopes: readonly string[] = ["roles", "account"];

/** All scopes that a configured application may be allowed. */
export const knownScopes: readonly string[] = [...Object.keys(claimsOfScopes), "account", "offline_access"];

/** The scopes of an application whose configuration has no list: neither telephone numbers nor roles nor the account. */
export const defaultScopes: readonly string[] = ["openid", "profile", "email", "offline_access"];

/** Leaves out of the claims about a user those that none of these scopes gives. */
export function claimsFor(
  scopes: ReadonlySet<string>,
  claims: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const allowed = Object.entries(claimsOfScopes).flatMap(([scope, names]) => (scopes.has(scope) ? names : []));
  return Object.fromEntries(Object.entries(claims).filter(([name]) => allowed.some((one) => one === name)));
}

/** Returns the scopes in a text of them. */
export function scopesOf(text: string | undefined): ReadonlySet<string> {
  return new Set(text?.split(" "));
}

/**
 * Returns the claims of an application's access token about its user. Without the scope `roles` it acts for the user as for any
 * customer; `staff` tells then that the user has other roles, of which more may be asked at the sign-in.
 */
export function applicationClaims(user: User, scopes: ReadonlySet<string>): Record<string, unknown> {
  const { username, email, email_verified, ...claims } = userClaims(user);
  const isStaff = user.roles.some((role) => role !== "customer");
  return {
    ...claims,
    ...(scopes.has("profile") ? { username } : {}),
    ...(scopes.has("email") ? { email, email_verified } : {}),
    ...(scopes.has("roles") ? {} : { roles: ["customer"], ...(isStaff ? { staff: true } : {}) }),
    scope: apiScopes.filter((scope) => scopes.has(scope)).join(" "),
  };
}
