import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Clock } from "@sagacart/chassis/time/clock";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { KeyCipher } from "../keys/key-cipher.ts";
import { reasons } from "../reasons.ts";
import { endSessions, hashToken, makeSecret } from "../sessions/session-store.ts";
import type { Then } from "./challenges.ts";
import { encryptFactorSecret } from "./factor-secrets.ts";
import * as store from "./factor-store.ts";
import { refuseWeakSession, withLockedUser } from "./locked-user.ts";
import { findPasskeys, insertPasskey, putChallenge, takeChallenge } from "./passkey-store.ts";
import { checkEnrollment, enrollmentOptions, type RelyingParty, readClaim } from "./passkeys.ts";
import { type Proofs, right } from "./proofs.ts";
import { hashRecoveryCode, makeRecoveryCodes } from "./recovery-codes.ts";
import { describeTotp, makeTotpSecret } from "./totp.ts";

/** Enrolls apps and passkeys. The first factor of a user brings recovery codes, and ends the other sessions. */
export type Enrollments = {
  enroll(userId: string, name: string): Promise<{ id: string; secret: string; uri: string }>;
  /** Confirms an enrolled factor. The first one of a user brings recovery codes. */
  finish<T>(userId: string, id: string, code: string, then: Then<T>): Promise<Enrolled<T>>;
  /** Makes what the browser needs to make a passkey. */
  enrollPasskey(userId: string, name: string): Promise<{ id: string; options: string }>;
  /** Stores the passkey that the browser made. The first factor of a user brings recovery codes. */
  finishPasskey<T>(userId: string, id: string, passkey: string, then: Then<T>): Promise<Enrolled<T>>;
};

export type Enrolled<T> = {
  readonly factor: store.SeenFactor | undefined;
  readonly recoveryCodes: string[];
  readonly result: T;
};

export type EnrollmentsOptions = {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly cipher: KeyCipher;
  readonly proofs: Proofs;
  /** The name of the shop in apps. */
  readonly issuer: string;
  /** How long a passkey may take to be made. */
  readonly pendingMs: number;
  /** Whose passkeys these are. */
  readonly party: RelyingParty;
};

const most = 10;

export function createEnrollments(options: EnrollmentsOptions): Enrollments {
  const { pool, clock, cipher, proofs, party, pendingMs: timeoutMs } = options;

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

  return {
    async enroll(userId, name) {
      return await withLockedUser(pool, userId, async (tx, user) => {
        await refuseWeakSession(tx, userId);
        await refuseTooMany(tx, userId);
        const id = uuidv7();
        const secret = makeTotpSecret();
        await store.insertFactor(tx, { id, userId, name, ...encryptFactorSecret(cipher, id, secret) });
        return { id, ...describeTotp(secret, { issuer: options.issuer, label: user.username }) };
      });
    },

    async finish(userId, id, code, then) {
      return await withLockedUser(pool, userId, async (tx, user) => {
        await refuseWeakSession(tx, userId);
        const isFirst = !(await store.hasFactor(tx, userId));
        const amr = await proofs.judgeCode(tx, userId, code, id);
        if (typeof amr === "string") {
          return amr;
        }
        return { ...(await enrolled(tx, userId, id, isFirst)), result: await then(tx, user, amr) };
      }).then((done) => right(done, id));
    },

    async enrollPasskey(userId, name) {
      return await withLockedUser(pool, userId, async (tx, user) => {
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
      return await withLockedUser(pool, userId, async (tx, user) => {
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
  };
}
