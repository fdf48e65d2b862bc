import type { Principal } from "./principal.ts";

const owners = new WeakMap<object, Principal>();

/** Notes whose token was refused, if it is known: it was issued to them, and has expired or was revoked since. */
export function withOwner<E extends Error>(error: E, principal: Principal | undefined): E {
  if (principal !== undefined) {
    owners.set(error, principal);
  }
  return error;
}

/** Returns whose token an error, or one that caused it, refuses. Undefined if it is not known: a forged token names anyone. */
export function ownerOf(error: unknown): Principal | undefined {
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth++, at = at.cause) {
    const owner = owners.get(at);
    if (owner !== undefined) {
      return owner;
    }
  }
  return undefined;
}
