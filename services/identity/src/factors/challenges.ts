import { requireAnySecondFactor } from "@sagacart/chassis/auth/second-factor";
import { noteSecurity } from "@sagacart/chassis/auth/security-log";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Clock } from "@sagacart/chassis/time/clock";
import { reasons } from "../reasons.ts";
import { hashToken, makeSecret } from "../sessions/session-store.ts";
import type { User } from "../users/user.ts";
import { type Amr, passwordOnly } from "./amr.ts";
import * as store from "./factor-store.ts";
import { withLockedUser } from "./locked-user.ts";
import { findPasskey, findPasskeys, putChallenge, takeChallenge } from "./passkey-store.ts";
import { challengeOf, proofOptions, type RelyingParty, readClaim } from "./passkeys.ts";
import { notProven, type Proof, type Proofs, right } from "./proofs.ts";

/** A sign-in whose password was right, and which waits for a second factor. */
export type Challenge = {
  readonly token: string;
  readonly expireTime: Date;
  /** The options with which the browser proves one of the user's passkeys; "" if there is none. */
  readonly passkeyOptions: string;
};

/** The purpose of a proof. It runs in the transaction that uses up the code: if it fails, the code is as good as before. */
export type Then<T> = (tx: Transaction, user: User, amr: Amr) => Promise<T>;

/** Asks for second factors, at sign-ins and of users who are signed in. */
export type Challenges = {
  /** Returns the challenge for a user with a second factor; undefined for one without. */
  challenge(user: User): Promise<Challenge | undefined>;
  /** Checks the second factor of a sign-in. Throws BAD_SIGN_IN_TOKEN, BAD_SECOND_FACTOR and TOO_MANY_ATTEMPTS. */
  answer<T>(token: string, proof: Proof, then: Then<T>): Promise<T>;
  /**
   * Checks the second factor of a user who has proven the password. Throws SECOND_FACTOR_REQUIRED if the user has one and
   * gives none.
   */
  confirm<T>(user: User, proof: Proof, then: (tx: Transaction, amr: Amr) => Promise<T>): Promise<T>;
  /** Makes what the browser needs to prove a passkey of a user who is signed in. Throws NO_SECOND_FACTOR if there is none. */
  challengePasskey(userId: string): Promise<string>;
  /** Makes it for a sign-in that waits; "" if its user has no passkey. */
  passkeyOptionsOf(token: string): Promise<string>;
  /** Makes what the browser needs to prove any passkey of the shop, for a sign-in without a password. */
  passkeyOptions(challenge: string): Promise<string>;
  /** Finds the user of a passkey that is proven without a password. Its authenticator must have verified the user. */
  withPasskey(passkey: string, isExpected: (challenge: string) => boolean): Promise<{ user: User; amr: Amr }>;
};

export type ChallengesOptions = {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly proofs: Proofs;
  /** How long a sign-in waits for its second factor. */
  readonly pendingMs: number;
  /** Whose passkeys these are. */
  readonly party: RelyingParty;
};

export function createChallenges({ pool, clock, proofs, party, pendingMs: timeoutMs }: ChallengesOptions): Challenges {
  /** Makes what the browser needs to prove a passkey for a sign-in that waits; "" if the user has none. */
  async function optionsFor(token: string, userId: string): Promise<string> {
    const known = await findPasskeys(pool, userId);
    const asked = { challenge: challengeOf(token), known, userVerification: "preferred", timeoutMs } as const;
    return known.length === 0 ? "" : await proofOptions(party, asked);
  }

  return {
    async challenge({ id: userId }) {
      if (!(await store.hasFactor(pool, userId))) {
        return undefined;
      }
      const { token, hash } = makeSecret();
      const expireTime = new Date(clock.now().getTime() + timeoutMs);
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
      return await withLockedUser(pool, userId, async (tx, user) => {
        // Again, under the lock: a concurrent answer may have used it, or the password was changed.
        if ((await store.findPendingSignIn(tx, hash, clock.now())) === undefined) {
          throw badSignInToken();
        }
        const amr = await proofs.judgeProof(tx, userId, proof, (challenge) => challenge === challengeOf(token));
        if (typeof amr === "string") {
          return amr;
        }
        await store.deletePendingSignIn(tx, hash);
        return { result: await then(tx, user, amr) };
      }).then((done) => right(done).result);
    },

    async confirm({ id }, proof, then) {
      return await withLockedUser(pool, id, async (tx) => {
        if (!(await store.hasFactor(tx, id))) {
          return { result: await then(tx, passwordOnly) };
        }
        if (proof.code === "" && proof.passkey === "") {
          requireAnySecondFactor({});
        }
        const amr = await proofs.judgeProof(tx, id, proof, async (challenge) => {
          const asked = { hash: hashToken(challenge), userId: id, purpose: "CONFIRM", now: clock.now() } as const;
          return (await takeChallenge(tx, asked)) !== undefined;
        });
        return typeof amr === "string" ? amr : { result: await then(tx, amr) };
      }).then((done) => right(done).result);
    },

    async challengePasskey(userId) {
      return await withLockedUser(pool, userId, async (tx) => {
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
      return await withLockedUser(pool, userId, async (tx, user) => {
        const amr = await proofs.judgePasskey(tx, json, { userId, isExpected, isAlone: true });
        return typeof amr === "string" ? amr : { user, amr };
      }).then((done) => right(done));
    },
  };
}

function badSignInToken(): DomainError {
  const message = "the sign-in is unknown, has expired or was finished; sign in again";
  return new DomainError(reasons, "BAD_SIGN_IN_TOKEN", message);
}
