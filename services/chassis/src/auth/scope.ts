import type { AccessRule } from "./access.ts";
import type { Principal } from "./principal.ts";
import { authError } from "./reasons.ts";

/**
 * Throws SCOPE_REQUIRED if a person's application calls a method that needs the scope `account`, and was not given it: a
 * fault in an application that only buys must not change how its users sign in.
 */
export function requireScope({ application }: Principal, { account, anyone }: AccessRule): void {
  if (account && !anyone && application !== undefined && !application.scopes.has("account")) {
    const message = `this needs the scope account, which the application ${application.id} has not been given`;
    throw authError("SCOPE_REQUIRED", message, { scope: "account", application: application.id });
  }
}
