import { noteSecurity, type SecurityLog } from "@sagacart/chassis/auth/security-log";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Clock } from "@sagacart/chassis/time/clock";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Amr } from "../factors/amr.ts";
import type { Meters } from "../meters.ts";
import { endGrant } from "../oidc/entry-store.ts";
import { reasons } from "../reasons.ts";
import type { User } from "../users/user.ts";
import { findUser, lockUser } from "../users/user-store.ts";
import {
  endOldestSessions,
  endSession,
  endSessions,
  findSessionOf,
  hashToken,
  insertRefreshToken,
  insertSession,
  isSessionOf,
  lockRefreshToken,
  makeSecret,
  type RefreshRow,
  replaceSession,
  type SeenFrom,
  touchSession,
  useRefreshToken,
} from "./session-store.ts";
import { type SessionTimes, type SessionTimesByRole, sessionTimesOf } from "./session-times.ts";
import type { AccessToken, Tokens } from "./tokens.ts";

/** A session with its newly issued tokens. */
export type OpenSession = {
  readonly id: string;
  readonly userId: string;
  readonly accessToken: AccessToken;
  readonly refreshToken: string;
  readonly refreshExpireTime: Date;
};

export type Sessions = {
  /** Opens a session for a user. */
  open(tx: Transaction, user: User, from: SeenFrom, amr: Amr): Promise<OpenSession>;
  /** Exchanges a refresh token for new tokens. Throws BAD_REFRESH_TOKEN. */
  refresh(refreshToken: string, from: SeenFrom): Promise<OpenSession>;
  /**
   * Replaces a session whose user has just proven who they are by a new one: whoever has a token of the former one does not
   * profit from that. Throws BAD_REFRESH_TOKEN if the session has ended.
   */
  confirm(tx: Transaction, user: User, sessionId: string, from: SeenFrom, amr: Amr): Promise<OpenSession>;
  /** Ends a session of a user, or that of an application. Does nothing if the user has no such session. */
  end(userId: string, sessionId: string): Promise<void>;
  /** Ends all sessions of a user except one, if given. */
  endAll(userId: string, except: string | undefined): Promise<void>;
  /** Ends the token's session, or all of its user. Does nothing if the token is unknown. */
  signOut(refreshToken: string, options: { allSessions: boolean }): Promise<void>;
};

export type SessionsOptions = {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly tokens: Tokens;
  readonly log: Log;
  readonly meters: Meters;
  readonly times: SessionTimesByRole;
  /** The most sessions of one user at a time. */
  readonly mostPerUser: number;
  /** How long a reused token counts as a retry. */
  readonly repeatMs: number;
  readonly security?: SecurityLog | undefined;
};

/** Creates sessions. Each is a family of refresh tokens, of which every one is exchanged once for the next (RFC 9700). */
export function createSessions(options: SessionsOptions): Sessions {
  const { pool, clock, tokens, log, mostPerUser } = options;

  function timesOf({ roles }: User) {
    return sessionTimesOf(options.times, roles);
  }

  async function next(tx: Transaction, session: { id: string; expireTime: Date; idleMs: number }) {
    const secret = makeSecret();
    const idleTime = new Date(clock.now().getTime() + session.idleMs);
    const expireTime = idleTime < session.expireTime ? idleTime : session.expireTime;
    return {
      secret,
      insert: () => insertRefreshToken(tx, { ...secret, sessionId: session.id, expireTime }),
      expireTime,
    };
  }

  /** Inserts a session, and ends those of the user that are too many. */
  async function begin(tx: Transaction, user: User, from: SeenFrom, amr: Amr): Promise<OpenSession> {
    await lockUser(tx, user.id);
    const id = uuidv7();
    const authTime = clock.now();
    const { idleMs, maxMs } = timesOf(user);
    const expireTime = new Date(authTime.getTime() + maxMs);
    await insertSession(tx, { id, userId: user.id, expireTime, authTime, amr, from });
    const { secret, expireTime: refreshExpireTime, insert } = await next(tx, { id, expireTime, idleMs });
    await insert();
    const ended = await endOldestSessions(tx, user.id, mostPerUser);
    if (ended.length > 0) {
      log.info({ userId: user.id, ended: ended.length }, "ended the sessions of a user that were too many");
    }
    const accessToken = await tokens.issue(user, { id, authTime, amr });
    return { id, userId: user.id, accessToken, refreshToken: secret.token, refreshExpireTime };
  }

  return {
    async open(tx, user, from, amr) {
      return await begin(tx, user, from, amr);
    },

    async refresh(refreshToken, from) {
      const hash = hashToken(refreshToken);
      const done = await withTransaction(pool, async (tx) => {
        const row = await lockRefreshToken(tx, hash);
        const verdict = judge(row, clock.now(), options.repeatMs);
        noteSecurity(row === undefined ? {} : { objectId: row.sessionId });
        if (row === undefined || verdict === "refused") {
          return undefined;
        }
        if (verdict === "stolen") {
          await endSession(tx, row.sessionId, "TOKEN_REUSED");
          return { stolen: row };
        }
        const user = await findUser(tx, row.userId);
        if (user === undefined || isOver(row, timesOf(user), clock.now())) {
          return undefined;
        }
        const { idleMs } = timesOf(user);
        const made = await next(tx, { id: row.sessionId, expireTime: row.sessionExpireTime, idleMs });
        if (row.nextHash !== undefined) {
          // The response with this token was lost, or somebody else has it. Mark it as used, so that its use is a theft.
          await useRefreshToken(tx, row.nextHash, made.secret.hash, new Date(0));
        }
        await useRefreshToken(tx, hash, made.secret.hash, clock.now());
        await made.insert();
        await touchSession(tx, { id: row.sessionId, time: clock.now(), from });
        return { user, sessionId: row.sessionId, authTime: row.authTime, amr: row.amr, ...made };
      });
      if (done !== undefined && "stolen" in done) {
        const { sessionId, userId } = done.stolen;
        log.warn({ sessionId, userId }, "a refresh token was reused; ended its session");
        options.meters.tokensReused.inc();
        const object = { kind: "user", id: userId };
        options.security?.record({ event: "refresh_token.reused", object, outcome: "refused", reason: "TOKEN_REUSED" });
      }
      if (done === undefined || "stolen" in done) {
        throw badRefreshToken("the refresh token is unknown, has expired or was used before; sign in again");
      }
      const { user, sessionId: id, authTime, amr, secret, expireTime } = done;
      const accessToken = await tokens.issue(user, { id, authTime, amr });
      return { id, userId: user.id, accessToken, refreshToken: secret.token, refreshExpireTime: expireTime };
    },

    async confirm(tx, user, id, from, amr) {
      await lockUser(tx, user.id);
      if (!(await replaceSession(tx, id, user.id))) {
        throw badRefreshToken("the session has ended, or is one of an application; sign in again");
      }
      return await begin(tx, user, from, amr);
    },

    async end(userId, id) {
      await withTransaction(pool, async (tx) => {
        if (await isSessionOf(tx, id, userId)) {
          await endSession(tx, id, "SIGNED_OUT");
        } else {
          await endGrant(tx, userId, id);
        }
      });
    },

    async endAll(userId, except) {
      await withTransaction(pool, (tx) => endSessions(tx, { userId, except, reason: "SIGNED_OUT" }));
    },

    async signOut(refreshToken, { allSessions }) {
      const session = await findSessionOf(pool, hashToken(refreshToken));
      if (session === undefined) {
        return;
      }
      noteSecurity({ objectId: session.userId });
      if (allSessions) {
        const { userId } = session;
        await withTransaction(pool, (tx) => endSessions(tx, { userId, reason: "SIGNED_OUT" }));
      } else {
        await withTransaction(pool, (tx) => endSession(tx, session.sessionId, "SIGNED_OUT"));
      }
    },
  };
}

function badRefreshToken(message: string): DomainError {
  return new DomainError(reasons, "BAD_REFRESH_TOKEN", message);
}

/**
 * Returns true if a session was not used for too long, or is too old. Its tokens expire by then, too, unless its user was a
 * customer when they were issued and belongs to the staff now.
 */
function isOver({ lastUseTime, authTime }: RefreshRow, { idleMs, maxMs }: SessionTimes, now: Date): boolean {
  return now.getTime() >= Math.min(lastUseTime.getTime() + idleMs, authTime.getTime() + maxMs);
}

/** Judges the use of a token. A reuse means that one of its two users stole it, unless the first response may be lost. */
function judge(row: RefreshRow | undefined, now: Date, repeatMs: number): "good" | "refused" | "stolen" {
  if (row === undefined || row.sessionEnded || row.expireTime <= now || row.sessionExpireTime <= now) {
    return "refused";
  }
  if (row.useTime === undefined) {
    return "good";
  }
  const isRepeat = !row.nextUsed && now.getTime() - row.useTime.getTime() < repeatMs;
  return isRepeat ? "good" : "stolen";
}
