/** What an application learns of a user by each scope, in ID tokens and at `/oidc/userinfo`. */
export const claimsOfScopes = {
  openid: ["sub"],
  profile: ["preferred_username", "updated_at"],
  email: ["email", "email_verified"],
  phone: ["phone_number"],
  roles: ["roles"],
} as const;

/** All scopes that a configured application may be allowed. */
export const knownScopes: readonly string[] = [...Object.keys(claimsOfScopes), "offline_access"];

/** The scopes of an application whose configuration has no list: neither telephone numbers nor roles. */
export const defaultScopes: readonly string[] = ["openid", "profile", "email", "offline_access"];

/** Leaves out of the claims about a user those that none of these scopes gives. */
export function claimsFor(
  scopes: ReadonlySet<string>,
  claims: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const allowed = Object.entries(claimsOfScopes).flatMap(([scope, names]) => (scopes.has(scope) ? names : []));
  return Object.fromEntries(Object.entries(claims).filter(([name]) => allowed.some((one) => one === name)));
}
