import type { Account } from "oidc-provider";
import { type SessionTimes, type SessionTimesByRole, sessionTimesOf } from "../sessions/session-times.ts";

/** How long sign-ins by OpenID Connect live, in seconds, which oidc-provider counts in. Times are seconds since the epoch. */
export type SessionLives = {
  /** How long a browser's session or a refresh token lives without use, after a sign-in at this time. */
  idleSeconds(account: Account | undefined, authTime: number | undefined): number;
  /** How long an application's tokens can be refreshed after the sign-in. */
  grantSeconds(account: Account | undefined): number;
  /** Returns true for a refresh token that is older than its user's present roles allow. */
  isOver(account: Account, token: { kind: string; iat: number; authTime?: number | undefined }): boolean;
  /** Returns true if the sign-in of a browser's session is older than its user's present roles allow. */
  isTooOld(account: Account, loginTime: number | undefined): boolean;
};

/** Returns the lives of sign-ins by OpenID Connect. They are those of other sessions, by the roles of the user. */
export function sessionLives(times: SessionTimesByRole): SessionLives {
  // Without an account nobody has signed in yet.
  const timesOf = (account: Account | undefined): SessionTimes => sessionTimesOf(times, rolesOf(account));
  const leftSeconds = (maxMs: number, authTime: number | undefined) =>
    authTime === undefined ? Number.POSITIVE_INFINITY : authTime + maxMs / 1000 - now();
  return {
    idleSeconds(account, authTime) {
      const { idleMs, maxMs } = timesOf(account);
      return wholeSeconds(Math.min(idleMs / 1000, leftSeconds(maxMs, authTime)));
    },
    grantSeconds(account) {
      const { idleMs, maxMs } = timesOf(account);
      // Those of customers end after SESSION_IDLE_MS however often they are refreshed; staff have hours of work.
      return wholeSeconds(timesOf(account) === times.staff ? maxMs / 1000 : idleMs / 1000);
    },
    isOver(account, { kind, iat, authTime }) {
      const { idleMs, maxMs } = timesOf(account);
      return kind === "RefreshToken" && (iat + idleMs / 1000 <= now() || leftSeconds(maxMs, authTime) <= 0);
    },
    isTooOld: (account, loginTime) => leftSeconds(timesOf(account).maxMs, loginTime) <= 0,
  };
}

function rolesOf(account: Account | undefined): readonly string[] {
  const roles = account?.roles;
  return Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : [];
}

function wholeSeconds(seconds: number): number {
  return Math.max(1, Math.floor(seconds));
}

function now(): number {
  return Date.now() / 1000;
}
