import { requireAnySecondFactor } from "@sagacart/chassis/auth/second-factor";
import { noteSecurity } from "@sagacart/chassis/auth/security-log";
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
import { findPasskey, findPasskeys, insertPasskey, putChallenge, takeChallenge, usePasskey } from "./passkey-store.ts";
import {
  challengeOf,
  checkEnrollment,
  checkProof,
  enrollmentOptions,
  proofOptions,
  type RelyingParty,
  readClaim,
} from "./passkeys.ts";
import { hashRecoveryCode, isRecoveryCode, makeRecoveryCodes, plainCode } from "./recovery-codes.ts";
import { describeTotp, makeTotpSecret, stepOfCode } from "./totp.ts";

/** How a user proved who they are, as in the claim `amr` (RFC 8176). */
export type Amr = readonly ("pwd" | "otp" | "pop" | "user" | "mfa")[];

export const passwordOnly: Amr = ["pwd"];

/** A sign-in whose password was right, and which waits for a second factor. */
export type Challenge = {
  readonly token: string;
  readonly expireTime: Date;
  /** The options with which the browser proves one of the user's passkeys; "" if there is none. */
  readonly passkeyOptions: string;
};

/** A second factor that is given: a code of an app or a recovery code, or a browser's proof of a passkey as JSON. */
export type Proof = { readonly code: string; readonly passkey: string };

/** What a proof is for. It runs in the transaction that uses up the code: if it fails, the code is as good as before. */
export type Then<T> = (tx: Transaction, user: User, amr: Amr) => Promise<T>;

export type Factors = {
  /** Returns the challenge for a user with a second factor; undefined for one without. */
  challenge(user: User): Promise<Challenge | undefined>;
  /** Checks the second factor of a sign-in. Throws BAD_SIGN_IN_TOKEN, BAD_SECOND_FACTOR and TOO_MANY_ATTEMPTS. */
  answer<T>(token: string, proof: Proof, then: Then<T>): Promise<T>;
  /**
   * Checks the second factor of a user who has proven the password. Throws SECOND_FACTOR_REQUIRED if the user has one and
   * gives none.
   */
  confirm<T>(user: User, proof: Proof, then: (tx: Transaction, amr: Amr) => Promise<T>): Promise<T>;
  enroll(userId: string, name: string): Promise<{ id: string; secret: string; uri: string }>;
  /** Confirms an enrolled factor. The first one of a user brings recovery codes. */
  finish<T>(userId: string, id: string, code: string, then: Then<T>): Promise<Enrolled<T>>;
  /** Makes what the browser needs to make a passkey. */
  enrollPasskey(userId: string, name: string): Promise<{ id: string; options: string }>;
  /** Stores the passkey that the browser made. The first factor of a user brings recovery codes. */
  finishPasskey<T>(userId: string, id: string, passkey: string, then: Then<T>): Promise<Enrolled<T>>;
  /** Makes what the browser needs to prove a passkey of a user who is signed in. Throws NO_SECOND_FACTOR if there is none. */
  challengePasskey(userId: string): Promise<string>;
  /** Makes it for a sign-in that waits; "" if its user has no passkey. */
  passkeyOptionsOf(token: string): Promise<string>;
  /** Makes what the browser needs to prove any passkey of the shop, for a sign-in without a password. */
  passkeyOptions(challenge: string): Promise<string>;
  /** Finds the user of a passkey that is proven without a password. Its authenticator must have verified the user. */
  withPasskey(passkey: string, isExpected: (challenge: string) => boolean): Promise<{ user: User; amr: Amr }>;
  rename(userId: string, id: string, name: string): Promise<store.SeenFactor>;
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
  /** Whose passkeys these are. */
  readonly party: RelyingParty;
};

const most = 10;

/**
 * Keeps second factors. Codes of one user are judged one after the other, under a lock of the user: so a code counts once, and
 * concurrent guesses are counted before the next one is looked at. A password reset does not lift the pause after wrong ones.
 */
export function createFactors(options: FactorsOptions): Factors {
  const { pool, clock, cipher, throttle, mailer, log, party, pendingMs: timeoutMs } = options;

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
    noteSecurity({ factor: unconfirmedId === undefined && isRecoveryCode(code) ? "recovery_code" : "totp" });
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

  /**
   * Judges the proof of a passkey under a lock. It cannot be guessed, so that wrong ones are not counted. `isExpected` tells
   * whether it answers a challenge that is open, and uses that up.
   */
  async function judgePasskey(
    tx: Transaction,
    json: string,
    {
      userId,
      isExpected,
      isAlone = false,
    }: { userId: string; isExpected: (challenge: string) => boolean | Promise<boolean>; isAlone?: boolean },
  ): Promise<Verdict> {
    const claim = readClaim(json);
    if (claim === undefined || !(await isExpected(claim.challenge))) {
      return "not proven";
    }
    const passkey = await findPasskey(tx, claim.credentialId);
    if (passkey?.userId !== userId || (claim.userHandle !== "" && claim.userHandle !== userId)) {
      return "not proven";
    }
    const asked = { challenge: claim.challenge, requireUserVerification: isAlone };
    const counter = await checkProof(party, json, passkey, asked);
    if (counter === undefined) {
      return "not proven";
    }
    if (!(await usePasskey(tx, passkey.id, counter))) {
      log.warn(
        { userId, passkeyId: passkey.id },
        "refused a passkey whose counter did not grow: it may have been copied",
      );
      return "not proven";
    }
    return isAlone ? ["pop", "user", "mfa"] : ["pwd", "pop", "mfa"];
  }

  /** Judges what is given. `isExpected` is for the challenge of a passkey. */
  async function judgeProof(
    tx: Transaction,
    userId: string,
    { code, passkey }: Proof,
    isExpected: (challenge: string) => boolean | Promise<boolean>,
  ): Promise<Verdict> {
    return passkey === "" ? await judge(tx, userId, code) : await judgePasskey(tx, passkey, { userId, isExpected });
  }

  /** Makes what the browser needs to prove a passkey for a sign-in that waits; "" if the user has none. */
  async function optionsFor(token: string, userId: string): Promise<string> {
    const known = await findPasskeys(pool, userId);
    const asked = { challenge: challengeOf(token), known, userVerification: "preferred", timeoutMs } as const;
    return known.length === 0 ? "" : await proofOptions(party, asked);
  }

  /** Completes an enrollment: the first factor of a user brings recovery codes, and ends the other sessions. */
  async function enrolled(tx: Transaction, userId: string, id: string, isFirst: boolean) {
    const recoveryCodes = isFirst ? makeRecoveryCodes() : [];
    if (isFirst) {
      await store.replaceRecoveryCodes(tx, userId, recoveryCodes.map(hashRecoveryCode));
      const except = callContext()?.principal?.sessionId;
      await endSessions(tx, { userId, except, reason: "SIGNED_OUT" });
    }
    const factor = (await store.listFactors(tx, userId)).find((one) => one.id === id);
    return { factor, recoveryCodes };
  }

  async function refuseTooMany(tx: Transaction, userId: string): Promise<void> {
    if ((await store.countFactors(tx, userId)) >= most) {
      throw new DomainError(reasons, "TOO_MANY_FACTORS", `there are ${most} second factors; delete one first`);
    }
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
      return { token, expireTime, passkeyOptions: await optionsFor(token, userId) };
    },

    async answer(token, proof, then) {
      const hash = hashToken(token);
      const userId = await store.findPendingSignIn(pool, hash, clock.now());
      if (userId === undefined) {
        throw badSignInToken();
      }
      noteSecurity({ objectId: userId });
      return await withUser(userId, async (tx, user) => {
        // Again, under the lock: a concurrent answer may have used it, or the password was changed.
        if ((await store.findPendingSignIn(tx, hash, clock.now())) === undefined) {
          throw badSignInToken();
        }
        const amr = await judgeProof(tx, userId, proof, (challenge) => challenge === challengeOf(token));
        if (typeof amr === "string") {
          return amr;
        }
        await store.deletePendingSignIn(tx, hash);
        return { result: await then(tx, user, amr) };
      }).then((done) => right(done).result);
    },

    async confirm({ id }, proof, then) {
      return await withUser(id, async (tx) => {
        if (!(await store.hasFactor(tx, id))) {
          return { result: await then(tx, passwordOnly) };
        }
        if (proof.code === "" && proof.passkey === "") {
          requireAnySecondFactor({});
        }
        const amr = await judgeProof(tx, id, proof, async (challenge) => {
          const asked = { hash: hashToken(challenge), userId: id, purpose: "CONFIRM", now: clock.now() } as const;
          return (await takeChallenge(tx, asked)) !== undefined;
        });
        return typeof amr === "string" ? amr : { result: await then(tx, amr) };
      }).then((done) => right(done).result);
    },

    async enroll(userId, name) {
      return await withUser(userId, async (tx, user) => {
        await refuseWeakSession(tx, userId);
        await refuseTooMany(tx, userId);
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
        return { ...(await enrolled(tx, userId, id, isFirst)), result: await then(tx, user, amr) };
      }).then((done) => right(done, id));
    },

    async enrollPasskey(userId, name) {
      return await withUser(userId, async (tx, user) => {
        await refuseWeakSession(tx, userId);
        await refuseTooMany(tx, userId);
        const passkeyId = uuidv7();
        const { token: challenge, hash } = makeSecret();
        const expireTime = new Date(clock.now().getTime() + timeoutMs);
        await putChallenge(tx, { hash, userId, purpose: "ENROLL", passkeyId, name, expireTime });
        const known = await findPasskeys(tx, userId);
        return { id: passkeyId, options: await enrollmentOptions(party, { user, challenge, known, timeoutMs }) };
      });
    },

    async finishPasskey(userId, id, json, then) {
      return await withUser(userId, async (tx, user) => {
        await refuseWeakSession(tx, userId);
        await refuseTooMany(tx, userId);
        const isFirst = !(await store.hasFactor(tx, userId));
        const { challenge } = readClaim(json) ?? {};
        if (challenge === undefined) {
          return "not proven";
        }
        const asked = { hash: hashToken(challenge), userId, purpose: "ENROLL", now: clock.now() } as const;
        const taken = await takeChallenge(tx, asked);
        if (taken === undefined || taken.passkeyId !== id) {
          return "unknown";
        }
        const made = await checkEnrollment(party, json, challenge);
        if (made === undefined) {
          return "not proven";
        }
        if (!(await insertPasskey(tx, { id, userId, name: taken.name, ...made }))) {
          throw new DomainError(reasons, "PASSKEY_EXISTS", "this passkey is enrolled already; make another one");
        }
        const done = await enrolled(tx, userId, id, isFirst);
        return { ...done, result: await then(tx, user, ["pwd", "pop", "mfa"]) };
      }).then((done) => right(done, id));
    },

    async challengePasskey(userId) {
      return await withUser(userId, async (tx) => {
        const known = await findPasskeys(tx, userId);
        if (known.length === 0) {
          throw new DomainError(reasons, "NO_SECOND_FACTOR", "there is no passkey; enroll one first");
        }
        const { token: challenge, hash } = makeSecret();
        const expireTime = new Date(clock.now().getTime() + timeoutMs);
        await putChallenge(tx, { hash, userId, purpose: "CONFIRM", passkeyId: "", name: "", expireTime });
        return await proofOptions(party, { challenge, known, userVerification: "preferred", timeoutMs });
      });
    },

    async passkeyOptionsOf(token) {
      const userId = await store.findPendingSignIn(pool, hashToken(token), clock.now());
      return userId === undefined ? "" : await optionsFor(token, userId);
    },

    async passkeyOptions(challenge) {
      return await proofOptions(party, { challenge, userVerification: "required", timeoutMs });
    },

    async withPasskey(json, isExpected) {
      const claim = readClaim(json);
      const found = claim === undefined ? undefined : await findPasskey(pool, claim.credentialId);
      if (found === undefined) {
        throw notProven();
      }
      const { userId } = found;
      return await withUser(userId, async (tx, user) => {
        const amr = await judgePasskey(tx, json, { userId, isExpected, isAlone: true });
        return typeof amr === "string" ? amr : { user, amr };
      }).then((done) => right(done));
    },

    async rename(userId, id, name) {
      return await withUser(userId, async (tx) => {
        await refuseWeakSession(tx, userId);
        await store.renameFactor(tx, userId, id, name);
        const factor = (await store.listFactors(tx, userId)).find((one) => one.id === id);
        if (factor === undefined) {
          throw factorNotFound(id);
        }
        return factor;
      });
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

/** The ways that were proven, or why they were not: a wrong code, a wrong passkey, or nothing to confirm. */
type Verdict = Amr | Failure;
type Failure = "wrong" | "not proven" | "unknown";

/** Returns what was made of a right proof. Throws for another one, once its count is committed. */
function right<T extends object>(done: T | Failure, id = ""): T {
  switch (done) {
    case "unknown":
      throw factorNotFound(id);
    case "not proven":
      throw notProven();
    case "wrong":
      throw new DomainError(
        reasons,
        "BAD_SECOND_FACTOR",
        "the code is wrong, has expired or was used before; wait for the next one, or use a recovery code",
      );
    default:
      return done;
  }
}

function factorNotFound(id: string): DomainError {
  return new DomainError(reasons, "FACTOR_NOT_FOUND", `there is no such second factor ${id}`, { factor_id: id });
}

function notProven(): DomainError {
  const message = "the passkey is unknown, or its proof is wrong, of another page or too old; begin again";
  return new DomainError(reasons, "BAD_PASSKEY", message);
}

function badSignInToken(): DomainError {
  const message = "the sign-in is unknown, has expired or was finished; sign in again";
  return new DomainError(reasons, "BAD_SIGN_IN_TOKEN", message);
}
