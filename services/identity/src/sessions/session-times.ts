import { isStaff } from "../users/user.ts";

/** How long a session lives without use, and at most since its user proved who they are. */
export type SessionTimes = { readonly idleMs: number; readonly maxMs: number };

/** Support and operators have shorter sessions: see docs/security/sessions.md. */
export type SessionTimesByRole = { readonly customer: SessionTimes; readonly staff: SessionTimes };

/** Returns how long the sessions of a user with these roles live. A session follows its user's roles as they change. */
export function sessionTimesOf(times: SessionTimesByRole, roles: readonly string[]): SessionTimes {
  return isStaff(roles) ? times.staff : times.customer;
}
