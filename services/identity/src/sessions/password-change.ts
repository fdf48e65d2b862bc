import { networkOf } from "@sagacart/chassis/client/network";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Clock } from "@sagacart/chassis/time/clock";
import { greeting } from "../greeting.ts";
import type { Mailer } from "../mailer.ts";
import { reasons } from "../reasons.ts";
import { appendUserEvents } from "../users/user-events.ts";
import { findByLogin, lockUser, updatePassword, verifyEmail } from "../users/user-store.ts";
import { deleteResets, findResetUser, insertReset, redeemReset } from "./password-reset-store.ts";
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
  readonly minLength: number;
  readonly tokenMs: number;
  readonly resetUrl: string | undefined;
};

export type PasswordChange = {
  /** Throws PASSWORD_TOO_SHORT if the password has fewer characters than configured. */
  refuseShort(password: string): void;
  /** Changes the password and ends the user's other sessions. Throws as SignIn.confirm does. */
  change(request: ChangeRequest): Promise<void>;
  /** Mails a token for a new password. Does the same, apart from the mail, if no user has the address. */
  requestReset(email: string, address: string | undefined): Promise<void>;
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
};

/** Sets new passwords, authorized by the current one or by a token sent by mail. */
export function createPasswordChange(options: PasswordChangeOptions): PasswordChange {
  const { pool, clock, passwords, throttle, signIn, mailer, minLength, onEvents } = options;

  function refuseShort(password: string): void {
    // Count code points, so that an emoji is one.
    if ([...password].length < minLength) {
      const message = `the password must have at least ${minLength} characters`;
      throw new DomainError(reasons, "PASSWORD_TOO_SHORT", message, { min_length: `${minLength}` });
    }
  }

  return {
    refuseShort,
    async change({ userId, currentPassword, newPassword, refreshToken, address }) {
      refuseShort(newPassword);
      const user = await signIn.confirm(userId, currentPassword, address);
      const hash = await passwords.hash(newPassword);
      const session = refreshToken === "" ? undefined : await findSessionOf(pool, hashToken(refreshToken));
      const except = session?.userId === userId ? session.sessionId : undefined;
      await withTransaction(pool, async (tx) => {
        await updatePassword(tx, userId, hash);
        await endSessions(tx, { userId, except, reason: "PASSWORD_CHANGED" });
        await deleteResets(tx, userId);
      });
      mailer.sendInBackground(changedMail(user.email, user.username));
    },

    async requestReset(email, address) {
      // Count unknown addresses too. After five mails a pause begins.
      const counted = [
        { key: `reset ${email.toLowerCase()}`, free: 5 },
        ...(address === undefined ? [] : [{ key: `reset from ${networkOf(address)}`, free: 50 }]),
      ];
      await throttle.check(counted);
      await throttle.count(counted);
      const found = await findByLogin(pool, email);
      const { token, hash } = makeSecret();
      const expireTime = new Date(clock.now().getTime() + options.tokenMs);
      await insertReset(pool, { hash, userId: found?.user.id, expireTime });
      if (found !== undefined) {
        const { email: to, username } = found.user;
        mailer.sendInBackground(
          resetMail({ to, username, token, tokenMs: options.tokenMs, resetUrl: options.resetUrl }),
        );
      }
    },

    async reset(token, newPassword, address) {
      refuseShort(newPassword);
      const counted = address === undefined ? [] : [{ key: `redeem from ${networkOf(address)}`, free: 50 }];
      await throttle.check(counted);
      const tokenHash = hashToken(token);
      // Check the token first: hashing a password for an invented one wastes time.
      const userId = await findResetUser(pool, tokenHash, clock.now());
      if (userId === undefined) {
        await throttle.count(counted);
        throw badToken();
      }
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
        await updatePassword(tx, redeemed.id, passwordHash);
        await endSessions(tx, { userId: redeemed.id, reason: "PASSWORD_CHANGED" });
        await throttle.forgive(tx, redeemed);
        return redeemed;
      });
      onEvents();
      mailer.sendInBackground(changedMail(user.email, user.username));
    },
  };
}

function badToken(): DomainError {
  const message = "the token is unknown, has expired or was used before; ask for a new mail";
  return new DomainError(reasons, "BAD_RESET_TOKEN", message);
}

function resetMail(mail: {
  to: string;
  username: string;
  token: string;
  tokenMs: number;
  resetUrl: string | undefined;
}) {
  const { to, username, token, tokenMs, resetUrl } = mail;
  const minutes = Math.round(tokenMs / 60_000);
  const how =
    resetUrl === undefined ? `Your token for a new one:\n\n${token}` : `Choose a new one here:\n\n${resetUrl}${token}`;
  const text = `${greeting(username)}

we received a request for a new password for your account. ${how}

It can be used once, within ${minutes} minutes. If you did not ask for it, ignore this mail: your password stays as it is.
`;
  return { to, subject: "A new password", text };
}

function changedMail(to: string, username: string) {
  const text = `${greeting(username)}

your password was changed, and your other sessions were signed out. If this was not you, ask for a new password now.
`;
  return { to, subject: "Your password was changed", text };
}
