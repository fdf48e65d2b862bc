import { networkOf } from "@sagacart/chassis/client/network";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { Mailer } from "../mailer.ts";
import { reasons } from "../reasons.ts";
import { findByLogin, updatePassword } from "../users/user-store.ts";
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
  readonly minLength: number;
  readonly tokenMs: number;
  readonly resetUrl: string | undefined;
};

export type PasswordChange = {
  /** Throws PASSWORD_TOO_SHORT. */
  refuseShort(password: string): void;
  change(request: ChangeRequest): Promise<void>;
  requestReset(email: string, address: string | undefined): Promise<void>;
  reset(token: string, newPassword: string, address: string | undefined): Promise<void>;
};

type ChangeRequest = {
  readonly userId: string;
  readonly currentPassword: string;
  readonly newPassword: string;
  /** Of the session that goes on. */
  readonly refreshToken: string;
  readonly address: string | undefined;
};

/** New passwords, by the one until now or by mail. The other sessions of the user end with it. */
export function createPasswordChange(options: PasswordChangeOptions): PasswordChange {
  const { pool, clock, passwords, throttle, signIn, mailer, minLength } = options;

  function refuseShort(password: string): void {
    // What a person counts: an emoji is one.
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
        await tx.query("delete from password_resets where user_id = $1", [userId]);
      });
      mailer.post(changedMail(user.email, user.username));
    },

    async requestReset(email, address) {
      // Counted whether there is such a user or not: five mails, and then a pause.
      const counted = [
        { key: `reset ${email.toLowerCase()}`, free: 5 },
        ...(address === undefined ? [] : [{ key: `reset from ${networkOf(address)}`, free: 50 }]),
      ];
      await throttle.check(counted);
      await throttle.count(counted);
      const found = await findByLogin(pool, email);
      const { token, hash } = makeSecret();
      const expireTime = new Date(clock.now().getTime() + options.tokenMs);
      // The same statement in both cases, so that the time tells nothing.
      await pool.query(
        `insert into password_resets (hash, user_id, expire_time) select $1, id, $3 from users where id = $2`,
        [hash, found?.user.id ?? "", expireTime],
      );
      if (found !== undefined) {
        const { email: to, username } = found.user;
        mailer.post(resetMail({ to, username, token, tokenMs: options.tokenMs, resetUrl: options.resetUrl }));
      }
    },

    async reset(token, newPassword, address) {
      refuseShort(newPassword);
      const counted = address === undefined ? [] : [{ key: `redeem from ${networkOf(address)}`, free: 50 }];
      await throttle.check(counted);
      const tokenHash = hashToken(token);
      // Looked for first: a token that nobody gave out is not worth a hash.
      if (!(await isRedeemable(pool, tokenHash, clock.now()))) {
        await throttle.count(counted);
        throw badToken();
      }
      const passwordHash = await passwords.hash(newPassword);
      const user = await withTransaction(pool, async (tx) => {
        const redeemed = await redeem(tx, tokenHash, clock.now());
        if (redeemed === undefined) {
          throw badToken();
        }
        await updatePassword(tx, redeemed.id, passwordHash);
        await endSessions(tx, { userId: redeemed.id, reason: "PASSWORD_CHANGED" });
        return redeemed;
      });
      mailer.post(changedMail(user.email, user.username));
    },
  };
}

async function isRedeemable(pool: Pool, hash: Buffer, now: Date): Promise<boolean> {
  const { rowCount } = await pool.query("select from password_resets where hash = $1 and expire_time > $2", [
    hash,
    now,
  ]);
  return rowCount === 1;
}

/** All tokens of the user go with it. Of two that come at once, one finds it. */
async function redeem(tx: Transaction, hash: Buffer, now: Date) {
  const { rows } = await tx.query<{ id: string; email: string; username: string }>(
    `with redeemed as (delete from password_resets where hash = $1 and expire_time > $2 returning user_id)
     select id, email, username from users where id = (select user_id from redeemed)`,
    [hash, now],
  );
  const [user] = rows;
  await tx.query("delete from password_resets where user_id = $1", [user?.id ?? ""]);
  return user;
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
    resetUrl === undefined
      ? `This is the token for a new one:\n\n${token}`
      : `Choose a new one here:\n\n${resetUrl}${token}`;
  const text = `Hello ${username},

somebody, probably you, asked for a new password. ${how}

It is good once, for ${minutes} minutes. If it was not you, there is nothing to do: your password stays as it is.
`;
  return { to, subject: "A new password", text };
}

function changedMail(to: string, username: string) {
  const text = `Hello ${username},

your password was changed, and your other sessions were signed out. If it was not you, ask for a new password now.
`;
  return { to, subject: "Your password was changed", text };
}
