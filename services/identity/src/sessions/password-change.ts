import { noteSecurity } from "@sagacart/chassis/auth/security-log";
import { networkOf } from "@sagacart/chassis/client/network";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { Mailer } from "../mailer.ts";
import { passwordChangedMail, resetMail } from "../mails.ts";
import { reasons } from "../reasons.ts";
import { foldEmail } from "../users/fold.ts";
import { appendUserEvents } from "../users/user-events.ts";
import { findByLogin, findUser, lockUser, updatePassword, verifyEmail } from "../users/user-store.ts";
import { deleteResets, findResetUser, insertReset, redeemReset } from "./password-reset-store.ts";
import type { PasswordRules } from "./password-rules.ts";
import type { Passwords } from "./passwords.ts";
import { endSessions, findSessionOf, hashToken, makeSecret } from "./session-store.ts";
import type { SignIn } from "./sign-in.ts";
import type { Throttle } from "./throttle.ts";

export type PasswordChangeOptions = {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly signIn: SignIn;
  readonly mailer: Mailer;
  /** Called when events of users were committed. */
  onEvents(): void;
  readonly rules: PasswordRules;
  readonly tokenMs: number;
  /** The page for a new password, to which the token is appended. */
  readonly resetUrl: string;
};

export type PasswordChange = {
  /** Changes the password and ends the user's other sessions. Throws as SignIn.confirm does. */
  change(request: ChangeRequest): Promise<void>;
  /** Mails a token for a new password. Does the same, apart from the mail, if no user has the address. */
  requestReset(email: string, address: string | undefined): Promise<void>;
  /**
   * Returns the least number of characters of the password that a token is for; the customers' one for a token that is none: who
   * has no token learns nothing.
   */
  minLengthFor(token: string): Promise<number>;
  /** Sets the password, ends all sessions of the user and any pause after wrong passwords. Throws BAD_RESET_TOKEN. */
  reset(token: string, newPassword: string, address: string | undefined): Promise<void>;
};

type ChangeRequest = {
  readonly userId: string;
  readonly currentPassword: string;
  readonly newPassword: string;
  /** A refresh token of the session to keep; "" for none. */
  readonly refreshToken: string;
  readonly address: string | undefined;
  /** The session of the caller's token. */
  readonly sessionId: string | undefined;
};

/** Sets new passwords, authorized by the current one or by a token sent by mail. */
export function createPasswordChange(options: PasswordChangeOptions): PasswordChange {
  const { pool, clock, passwords, throttle, signIn, mailer, rules, onEvents } = options;

  return {
    async change({ userId, currentPassword, newPassword, refreshToken, address, sessionId }) {
      const user = await signIn.confirm({ userId, password: currentPassword, address, sessionId });
      await rules.refuseWeak(newPassword, user);
      const passwordHash = await passwords.hash(newPassword);
      const hasOperatorPassword = rules.isForOperators(newPassword);
      const session = refreshToken === "" ? undefined : await findSessionOf(pool, hashToken(refreshToken));
      const except = session?.userId === userId ? session.sessionId : undefined;
      await withTransaction(pool, async (tx) => {
        await updatePassword(tx, userId, { passwordHash, hasOperatorPassword });
        await endSessions(tx, { userId, except, reason: "PASSWORD_CHANGED" });
        await deleteResets(tx, userId);
      });
      mailer.sendInBackground(passwordChangedMail({ to: user.email, username: user.username }));
    },

    async requestReset(email, address) {
      // Count unknown addresses too. After five mails a pause begins.
      const counted = [
        { key: `reset ${foldEmail(email)}`, free: 5 },
        ...(address === undefined ? [] : [{ key: `reset from ${networkOf(address)}`, free: 50 }]),
      ];
      await throttle.check(counted);
      await throttle.count(counted);
      const found = await findByLogin(pool, email);
      noteSecurity(found === undefined ? {} : { objectId: found.user.id });
      const { token, hash } = makeSecret();
      const expireTime = new Date(clock.now().getTime() + options.tokenMs);
      await insertReset(pool, { hash, userId: found?.user.id, expireTime });
      if (found !== undefined) {
        const { email: to, username } = found.user;
        const minutes = Math.round(options.tokenMs / 60_000);
        mailer.sendInBackground(resetMail({ to, username, link: `${options.resetUrl}${token}`, minutes }));
      }
    },

    async minLengthFor(token) {
      const userId = await findResetUser(pool, hashToken(token), clock.now());
      const owner = userId === undefined ? undefined : await findUser(pool, userId);
      return rules.minLengthOf(owner?.roles ?? []);
    },

    async reset(token, newPassword, address) {
      const counted = address === undefined ? [] : [{ key: `redeem from ${networkOf(address)}`, free: 50 }];
      await throttle.check(counted);
      const tokenHash = hashToken(token);
      // Check the token first: hashing a password for an invented one wastes time.
      const userId = await findResetUser(pool, tokenHash, clock.now());
      if (userId === undefined) {
        await throttle.count(counted);
        throw badToken();
      }
      noteSecurity({ objectId: userId });
      const owner = await findUser(pool, userId);
      if (owner === undefined) {
        throw badToken();
      }
      await rules.refuseWeak(newPassword, owner);
      const hasOperatorPassword = rules.isForOperators(newPassword);
      const passwordHash = await passwords.hash(newPassword);
      const user = await withTransaction(pool, async (tx) => {
        // Before the token, as a change of the address does: it voids the tokens that were sent to the former one.
        await lockUser(tx, userId);
        const redeemed = await redeemReset(tx, tokenHash, clock.now());
        if (redeemed === undefined) {
          throw badToken();
        }
        const verified = await verifyEmail(tx, userId);
        if (verified !== undefined) {
          await appendUserEvents(tx, [{ type: "sagacart.user.email_verified.v1", user: verified }]);
        }
        await updatePassword(tx, redeemed.id, { passwordHash, hasOperatorPassword });
        await endSessions(tx, { userId: redeemed.id, reason: "PASSWORD_CHANGED" });
        await throttle.forgive(tx, redeemed);
        return redeemed;
      });
      onEvents();
      mailer.sendInBackground(passwordChangedMail({ to: user.email, username: user.username }));
    },
  };
}

function badToken(): DomainError {
  const message = "the token is unknown, has expired or was used before; ask for a new mail";
  return new DomainError(reasons, "BAD_RESET_TOKEN", message);
}
