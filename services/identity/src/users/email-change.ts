import { noteSecurity } from "@sagacart/chassis/auth/security-log";
import { networkOf } from "@sagacart/chassis/client/network";
import { DomainError, errorInfo } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { Mailer } from "../mailer.ts";
import { addressKnownMail, confirmMail, emailChangedMail } from "../mails.ts";
import { reasons } from "../reasons.ts";
import { revokeUserTokens } from "../sessions/revocation-store.ts";
import { endSessions, hashToken, makeSecret } from "../sessions/session-store.ts";
import type { Throttle } from "../sessions/throttle.ts";
import {
  deleteConfirmations,
  deleteLaterTokens,
  type EmailPurpose,
  findEmailToken,
  insertEmailToken,
  redeemEmailToken,
} from "./email-token-store.ts";
import { foldEmail } from "./fold.ts";
import type { User } from "./user.ts";
import { appendUserEvents } from "./user-events.ts";
import { findEmailOwner, lockUser, moveEmail, verifyEmail } from "./user-store.ts";

export type EmailChangeOptions = {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly mailer: Mailer;
  readonly throttle: Throttle;
  readonly log: Log;
  /** Called when events of users were committed. */
  onEvents(): void;
  /** Mails a token for a new password to this address. */
  requestReset(email: string): Promise<void>;
  readonly tokenMs: number;
  readonly undoMs: number;
  /** The pages that confirm an address and undo a change, to which the token is appended. */
  readonly confirmUrl: string;
  readonly undoUrl: string;
};

export type EmailChange = {
  /**
   * Mails a link that confirms the address, or tells its owner if it is another user's already. Takes as long for both, and
   * never fails: a mail that would be one too many for this address is left out.
   */
  askToConfirm(user: Pick<User, "id" | "username">, email: string): Promise<void>;
  /** Verifies the address that the token was mailed to, and makes it the user's. Throws BAD_EMAIL_TOKEN. */
  confirm(token: string, address: string | undefined): Promise<void>;
  /** Restores the former address and ends all sessions. Throws BAD_EMAIL_TOKEN. */
  undo(token: string, address: string | undefined): Promise<void>;
};

/** Changes users' e-mail addresses: an address counts once a token that was mailed to it has come back. */
export function createEmailChange(options: EmailChangeOptions): EmailChange {
  const { pool, clock, mailer, throttle, log, onEvents } = options;

  async function mailConfirmation(user: Pick<User, "id" | "username">, email: string): Promise<void> {
    // Anybody may give any address, so a stranger gets a few mails, and then pauses.
    const counted = [{ key: `confirm ${foldEmail(email)}`, free: 5 }];
    await throttle.check(counted);
    await throttle.count(counted);
    const owner = await findEmailOwner(pool, email);
    const isOthers = owner !== undefined && owner.id !== user.id;
    const { token, hash } = makeSecret();
    const expireTime = new Date(clock.now().getTime() + options.tokenMs);
    await insertEmailToken(pool, { hash, userId: isOthers ? "" : user.id, purpose: "CONFIRM", email, expireTime });
    if (isOthers) {
      mailer.sendInBackground(addressKnownMail({ to: owner.email, username: owner.username }));
    } else {
      const hours = Math.max(1, Math.round(options.tokenMs / 3_600_000));
      const link = `${options.confirmUrl}${token}`;
      mailer.sendInBackground(confirmMail({ to: email, username: user.username, link, hours }));
    }
  }

  /** Runs `use` with a token that was not used before, and with its user locked. */
  async function redeem<T>(
    token: string,
    purpose: EmailPurpose,
    address: string | undefined,
    use: (tx: Transaction, user: User, redeemed: { email: string; createTime: Date }) => Promise<T | undefined>,
  ): Promise<T> {
    const counted = address === undefined ? [] : [{ key: `redeem from ${networkOf(address)}`, free: 50 }];
    await throttle.check(counted);
    const hash = hashToken(token);
    const userId = await findEmailToken(pool, hash, purpose);
    if (userId === undefined) {
      await throttle.count(counted);
      throw badToken();
    }
    noteSecurity({ objectId: userId });
    try {
      return await withTransaction(pool, async (tx) => {
        const user = await lockUser(tx, userId);
        const redeemed = await redeemEmailToken(tx, hash, purpose);
        const done = user === undefined || redeemed === undefined ? undefined : await use(tx, user, redeemed);
        if (done === undefined) {
          throw badToken();
        }
        return done;
      });
    } catch (error) {
      // It became another user's address in the meantime.
      throw errorInfo(error).reason === "EMAIL_TAKEN" ? badToken() : error;
    }
  }

  return {
    async askToConfirm(user, email) {
      await mailConfirmation(user, email).catch((error: unknown) => {
        if (errorInfo(error).reason !== "TOO_MANY_ATTEMPTS") {
          log.warn({ error, userId: user.id }, "failed to prepare a mail that confirms an address");
        }
      });
    },

    async confirm(token, address) {
      const { before, after } = await redeem(token, "CONFIRM", address, async (tx, before, { email }) => {
        if (email === before.email) {
          if (before.isEmailVerified) {
            return { before, after: before };
          }
          const after = await verifyEmail(tx, before.id);
          if (after !== undefined) {
            await appendUserEvents(tx, [{ type: "sagacart.user.email_verified.v1", user: after }]);
          }
          return after === undefined ? undefined : { before, after };
        }
        const after = email === before.pendingEmail ? await moveEmail(tx, before.id, email) : undefined;
        if (after === undefined) {
          return undefined;
        }
        await deleteConfirmations(tx, before.id);
        // Tokens tell the address.
        await revokeUserTokens(tx, before.id);
        await appendUserEvents(tx, [{ type: "sagacart.user.email_changed.v1", user: after }]);
        return { before, after };
      });
      onEvents();
      if (before.email !== after.email) {
        await announce(before, after);
      }
    },

    async undo(token, address) {
      const restored = await redeem(token, "UNDO", address, async (tx, before, redeemed) => {
        const after = await moveEmail(tx, before.id, redeemed.email);
        if (after === undefined) {
          return undefined;
        }
        await deleteLaterTokens(tx, { userId: before.id, ...redeemed });
        await endSessions(tx, { userId: before.id, reason: "SIGNED_OUT" });
        await revokeUserTokens(tx, before.id);
        if (after.email !== before.email) {
          await appendUserEvents(tx, [{ type: "sagacart.user.email_changed.v1", user: after }]);
        }
        return after;
      });
      onEvents();
      await options.requestReset(restored.email);
    },
  };

  /** Tells the former address, with a token to undo the change. */
  async function announce({ id, email: former, username }: User, { email }: User): Promise<void> {
    const { token, hash } = makeSecret();
    const expireTime = new Date(clock.now().getTime() + options.undoMs);
    await insertEmailToken(pool, { hash, userId: id, purpose: "UNDO", email: former, expireTime });
    const days = Math.round(options.undoMs / 86_400_000);
    mailer.sendInBackground(
      emailChangedMail({ to: former, username, email, link: `${options.undoUrl}${token}`, days }),
    );
  }
}

function badToken(): DomainError {
  const message = "the token is unknown, has expired or was used before; ask for a new mail";
  return new DomainError(reasons, "BAD_EMAIL_TOKEN", message);
}
