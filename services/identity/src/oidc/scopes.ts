/** What an application learns of a user by each scope, in ID tokens and at `/oidc/userinfo`. */
export const claimsOfScopes = {
  openid: ["sub"],
  profile: ["preferred_username", "updated_at"],
  email: ["email", "email_verified"],
  phone: ["phone_number"],
  roles: ["roles"],
} as const;

/**
 * What an application's access tokens open besides what each customer may do: with `roles`, what the user's other roles may;
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

/**
 * Returns the roles for an access token with these scopes: without `roles`, an application acts for its user as for any
 * customer, whoever signs in to it.
 */
export function rolesFor<Role extends string>(
  scopes: string | undefined,
  roles: readonly Role[],
): (Role | "customer")[] {
  return scopes?.split(" ").includes("roles") === true ? [...roles] : ["customer"];
}
