import { requireAnySecondFactor } from "@sagacart/chassis/auth/second-factor";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Clock } from "@sagacart/chassis/time/clock";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { KeyCipher } from "../keys/key-cipher.ts";
import type { Mailer } from "../mailer.ts";
import { factorsResetMail } from "../mails.ts";
import { reasons } from "../reasons.ts";
import { endSessions, hashToken, makeSecret } from "../sessions/session-store.ts";
import type { Throttle } from "../sessions/throttle.ts";
import { type User, userNotFound } from "../users/user.ts";
import { lockUser } from "../users/user-store.ts";
import { encryptFactorSecret, factorSecret } from "./factor-secrets.ts";
import * as store from "./factor-store.ts";
import { hashRecoveryCode, isRecoveryCode, makeRecoveryCodes, plainCode } from "./recovery-codes.ts";
import { describeTotp, makeTotpSecret, stepOfCode } from "./totp.ts";

/** How a user proved who they are, as in the claim `amr` (RFC 8176). */
export type Amr = readonly ("pwd" | "otp" | "mfa")[];

export const passwordOnly: Amr = ["pwd"];

/** A sign-in whose password was right, and which waits for a second factor. */
export type Challenge = { readonly token: string; readonly expireTime: Date };

/** What a proof is for. It runs in the transaction that uses up the code: if it fails, the code is as good as before. */
export type Then<T> = (tx: Transaction, user: User, amr: Amr) => Promise<T>;

export type Factors = {
  /** Returns the challenge for a user with a second factor; undefined for one without. */
  challenge(user: User): Promise<Challenge | undefined>;
  /** Checks the second factor of a sign-in. Throws BAD_SIGN_IN_TOKEN, BAD_SECOND_FACTOR and TOO_MANY_ATTEMPTS. */
  answer<T>(token: string, code: string, then: Then<T>): Promise<T>;
  /** Checks a code of a user who has proven the password. Throws SECOND_FACTOR_REQUIRED if the user has a factor and gives none. */
  confirm<T>(user: User, code: string, then: (tx: Transaction, amr: Amr) => Promise<T>): Promise<T>;
  enroll(userId: string, name: string): Promise<{ id: string; secret: string; uri: string }>;
  /** Confirms an enrolled factor. The first one of a user brings recovery codes. */
  finish<T>(userId: string, id: string, code: string, then: Then<T>): Promise<Enrolled<T>>;
  delete(userId: string, id: string): Promise<void>;
  replaceRecoveryCodes(userId: string): Promise<string[]>;
  /** Removes all factors of a user, for an operator. */
  reset(userId: string, operatorId: string): Promise<void>;
};

export type Enrolled<T> = {
  readonly factor: store.SeenFactor | undefined;
  readonly recoveryCodes: string[];
  readonly result: T;
};

export type FactorsOptions = {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly cipher: KeyCipher;
  readonly throttle: Throttle;
  readonly mailer: Mailer;
  readonly log: Log;
  /** The name of the shop in apps. */
  readonly issuer: string;
  /** How long a sign-in waits for its second factor. */
  readonly pendingMs: number;
  /** Wrong codes for a user before pauses begin. */
  readonly freeAttempts: number;
};

const most = 10;

/**
 * Keeps second factors. Codes of one user are judged one after the other, under a lock of the user: so a code counts once, and
 * concurrent guesses are counted before the next one is looked at. A password reset does not lift the pause after wrong ones.
 */
export function createFactors(options: FactorsOptions): Factors {
  const { pool, clock, cipher, throttle, mailer, log } = options;

  /** Runs under a lock of the user and of all codes for the user. */
  async function withUser<T>(userId: string, run: (tx: Transaction, user: User) => Promise<T>): Promise<T> {
    return await withTransaction(pool, async (tx) => {
      const user = await lockUser(tx, userId);
      if (user === undefined) {
        throw userNotFound(userId);
      }
      return await run(tx, user);
    });
  }

  /**
   * Judges a code under a lock. A wrong one is counted in the same transaction, which therefore must commit: the verdict is
   * returned and not thrown. Recovery codes cannot be guessed and are not paused: somebody who knows the password and tries
   * codes does not keep the owner out.
   */
  async function judge(tx: Transaction, userId: string, given: string, unconfirmedId?: string): Promise<Verdict> {
    const code = plainCode(given);
    if (unconfirmedId === undefined && isRecoveryCode(code)) {
      return (await store.useRecoveryCode(tx, userId, hashRecoveryCode(code))) ? ["pwd", "mfa"] : "wrong";
    }
    const counted = [{ key: `second factor ${userId}`, free: options.freeAttempts }];
    await throttle.check(counted, tx);
    const totps = await store.findTotps(tx, userId, unconfirmedId);
    if (unconfirmedId !== undefined && totps.length === 0) {
      return "unknown";
    }
    if (!(await useTotp(tx, totps, code))) {
      await throttle.count(counted, tx);
      return "wrong";
    }
    await throttle.reset(counted, tx);
    return ["pwd", "otp", "mfa"];
  }

  async function useTotp(tx: Transaction, totps: readonly store.TotpRow[], code: string): Promise<boolean> {
    for (const { id, secret } of totps) {
      const step = stepOfCode(factorSecret(cipher, id, secret), code, clock.now());
      if (step !== undefined && (await store.useStep(tx, id, step))) {
        return true;
      }
    }
    return false;
  }

  /** Refuses a session without a second factor the factors of a user who has some. */
  async function refuseWeakSession(tx: Transaction, userId: string): Promise<void> {
    const principal = callContext()?.principal;
    if (principal !== undefined && (await store.hasFactor(tx, userId))) {
      requireAnySecondFactor(principal);
    }
  }

  return {
    async challenge({ id: userId }) {
      if (!(await store.hasFactor(pool, userId))) {
        return undefined;
      }
      const { token, hash } = makeSecret();
      const expireTime = new Date(clock.now().getTime() + options.pendingMs);
      await store.insertPendingSignIn(pool, { hash, userId, expireTime });
      return { token, expireTime };
    },

    async answer(token, code, then) {
      const hash = hashToken(token);
      const userId = await store.findPendingSignIn(pool, hash, clock.now());
      if (userId === undefined) {
        throw badSignInToken();
      }
      return await withUser(userId, async (tx, user) => {
        // Again, under the lock: a concurrent answer may have used it, or the password was changed.
        if ((await store.findPendingSignIn(tx, hash, clock.now())) === undefined) {
          throw badSignInToken();
        }
        const amr = await judge(tx, userId, code);
        if (typeof amr === "string") {
          return amr;
        }
        await store.deletePendingSignIn(tx, hash);
        return { result: await then(tx, user, amr) };
      }).then((done) => right(done).result);
    },

    async confirm({ id }, code, then) {
      return await withUser(id, async (tx) => {
        if (!(await store.hasFactor(tx, id))) {
          return { result: await then(tx, passwordOnly) };
        }
        if (code === "") {
          requireAnySecondFactor({});
        }
        const amr = await judge(tx, id, code);
        return typeof amr === "string" ? amr : { result: await then(tx, amr) };
      }).then((done) => right(done).result);
    },

    async enroll(userId, name) {
      return await withUser(userId, async (tx, user) => {
        await refuseWeakSession(tx, userId);
        if ((await store.countFactors(tx, userId)) >= most) {
          throw new DomainError(reasons, "TOO_MANY_FACTORS", `there are ${most} second factors; delete one first`);
        }
        const id = uuidv7();
        const secret = makeTotpSecret();
        await store.insertFactor(tx, { id, userId, name, ...encryptFactorSecret(cipher, id, secret) });
        return { id, ...describeTotp(secret, { issuer: options.issuer, label: user.username }) };
      });
    },

    async finish(userId, id, code, then) {
      return await withUser(userId, async (tx, user) => {
        await refuseWeakSession(tx, userId);
        const isFirst = !(await store.hasFactor(tx, userId));
        const amr = await judge(tx, userId, code, id);
        if (typeof amr === "string") {
          return amr;
        }
        const recoveryCodes = isFirst ? makeRecoveryCodes() : [];
        if (isFirst) {
          await store.replaceRecoveryCodes(tx, userId, recoveryCodes.map(hashRecoveryCode));
          const except = callContext()?.principal?.sessionId;
          await endSessions(tx, { userId, except, reason: "SIGNED_OUT" });
        }
        const factor = (await store.listFactors(tx, userId)).find((one) => one.id === id);
        return { factor, recoveryCodes, result: await then(tx, user, amr) };
      }).then((done) => right(done, id));
    },

    async delete(userId, id) {
      await withUser(userId, async (tx) => {
        await refuseWeakSession(tx, userId);
        await store.deleteFactors(tx, userId, id);
      });
    },

    async replaceRecoveryCodes(userId) {
      return await withUser(userId, async (tx) => {
        if (!(await store.hasFactor(tx, userId))) {
          throw new DomainError(reasons, "NO_SECOND_FACTOR", "there is no second factor; enroll one first");
        }
        await refuseWeakSession(tx, userId);
        const codes = makeRecoveryCodes();
        await store.replaceRecoveryCodes(tx, userId, codes.map(hashRecoveryCode));
        return codes;
      });
    },

    async reset(userId, operatorId) {
      const user = await withUser(userId, async (tx, user) => {
        const factors = await store.deleteFactors(tx, userId);
        await store.deletePendingSignIns(tx, userId);
        await store.insertFactorReset(tx, { userId, operatorId, factors });
        await endSessions(tx, { userId, reason: "SIGNED_OUT" });
        return user;
      });
      log.info({ userId, operatorId }, "an operator removed the second factors of a user");
      mailer.sendInBackground(factorsResetMail({ to: user.email, username: user.username }));
    },
  };
}

/** The ways that were proven, or why they were not. */
type Verdict = Amr | "wrong" | "unknown";

/** Returns what was made of a right code. Throws for another one, once its count is committed. */
function right<T extends object>(done: T | "wrong" | "unknown", id = ""): T {
  if (done === "unknown") {
    const message = `there is no second factor ${id} to confirm`;
    throw new DomainError(reasons, "FACTOR_NOT_FOUND", message, { factor_id: id });
  }
  if (done === "wrong") {
    const message = "the code is wrong, has expired or was used before; wait for the next one, or use a recovery code";
    throw new DomainError(reasons, "BAD_SECOND_FACTOR", message);
  }
  return done;
}

function badSignInToken(): DomainError {
  const message = "the sign-in is unknown, has expired or was finished; sign in again";
  return new DomainError(reasons, "BAD_SIGN_IN_TOKEN", message);
}
