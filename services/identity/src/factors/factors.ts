import { DomainError } from "@sagacart/chassis/errors";
import type { Mailer } from "../mailer.ts";
import { factorsResetMail } from "../mails.ts";
import { reasons } from "../reasons.ts";
import { endSessions } from "../sessions/session-store.ts";
import { type Challenges, type ChallengesOptions, createChallenges } from "./challenges.ts";
import { createEnrollments, type Enrollments, type EnrollmentsOptions } from "./enrollments.ts";
import * as store from "./factor-store.ts";
import { refuseWeakSession, withLockedUser } from "./locked-user.ts";
import { createProofs, factorNotFound, type ProofsOptions } from "./proofs.ts";
import { hashRecoveryCode, makeRecoveryCodes } from "./recovery-codes.ts";

export type Factors = Challenges &
  Enrollments & {
    rename(userId: string, id: string, name: string): Promise<store.SeenFactor>;
    delete(userId: string, id: string): Promise<void>;
    replaceRecoveryCodes(userId: string): Promise<string[]>;
    /** Removes all factors of a user, for an operator. */
    reset(userId: string, operatorId: string): Promise<void>;
  };

export type FactorsOptions = Omit<ProofsOptions & ChallengesOptions & EnrollmentsOptions, "proofs"> & {
  readonly mailer: Mailer;
};

/**
 * Keeps second factors. Codes of one user are judged one after the other, under a lock of the user: so a code counts once, and
 * concurrent guesses are counted before the next one is looked at. A password reset does not lift the pause after wrong ones.
 */
export function createFactors(options: FactorsOptions): Factors {
  const { pool, mailer, log } = options;
  const proofs = createProofs(options);
  return {
    ...createChallenges({ ...options, proofs }),
    ...createEnrollments({ ...options, proofs }),

    async rename(userId, id, name) {
      return await withLockedUser(pool, userId, async (tx) => {
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
      await withLockedUser(pool, userId, async (tx) => {
        await refuseWeakSession(tx, userId);
        await store.deleteFactors(tx, userId, id);
      });
    },

    async replaceRecoveryCodes(userId) {
      return await withLockedUser(pool, userId, async (tx) => {
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
      const user = await withLockedUser(pool, userId, async (tx, user) => {
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
