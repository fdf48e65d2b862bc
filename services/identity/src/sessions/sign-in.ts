import { noteSecurity } from "@sagacart/chassis/auth/security-log";
import { networkOf } from "@sagacart/chassis/client/network";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Meters } from "../meters.ts";
import { reasons } from "../reasons.ts";
import { foldEmail } from "../users/fold.ts";
import { type User, userNotFound } from "../users/user.ts";
import { findByLogin, findPassword, type UserWithPassword, updatePassword } from "../users/user-store.ts";
import type { DeviceTokens } from "./device-tokens.ts";
import type { PasswordRules } from "./password-rules.ts";
import type { Passwords } from "./passwords.ts";
import { type Counted, deviceKey, sessionKey, type Throttle, userKey } from "./throttle.ts";

export type SignInOptions = {
  readonly pool: Pool;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly meters: Meters;
  /** Wrong passwords for a user name, and from a network, before pauses begin. */
  readonly freeAttempts: number;
  readonly freeAttemptsPerAddress: number;
  readonly devices: DeviceTokens;
  readonly rules: PasswordRules;
  /** True if a user with an unverified address may not sign in. */
  readonly refuseUnverified: boolean;
  /** Mails the link to confirm the address again, to a user who may not sign in without. */
  askToConfirm(user: User): void;
};

/** Checks passwords. */
export type SignIn = {
  /** Finds a user by name or e-mail address and checks the password. */
  withPassword(attempt: Attempt): Promise<User>;
  /** Throws EMAIL_NOT_VERIFIED if the user may not sign in yet, in whichever way, and mails the link again. */
  admit(user: User): void;
  /** Returns false if the user may not sign in before the address is confirmed. */
  isAdmitted(user: User): boolean;
  /** Returns the error EMAIL_NOT_VERIFIED. */
  notVerified(): DomainError;
  /** Checks the password of a user who is signed in. Throws USER_NOT_FOUND, too. */
  confirm(attempt: Confirmation): Promise<User>;
};

export type Attempt = {
  readonly login: string;
  readonly password: string;
  /** The caller's IP address. */
  readonly address: string | undefined;
  /** The device token of an earlier sign-in; "" for none. */
  readonly deviceToken: string;
};

export type Confirmation = {
  readonly userId: string;
  readonly password: string;
  /** The caller's IP address. */
  readonly address: string | undefined;
  /** The session of the caller's token. */
  readonly sessionId: string | undefined;
};

/**
 * Checks passwords and slows down guessing. The caller cannot tell a wrong password from an unknown user: both are
 * BAD_CREDENTIALS after the same work, and counted alike. After several of them even the right password gets
 * TOO_MANY_ATTEMPTS. A device on which the user has signed in is counted by itself, and so is a session: others cannot lock
 * them out.
 */
export function createSignIn(options: SignInOptions): SignIn {
  const { pool, passwords, throttle, meters, rules, freeAttempts, freeAttemptsPerAddress } = options;

  function tooMany(error: unknown): never {
    if (error instanceof DomainError) {
      meters.signIns.inc({ outcome: "too_many" });
    }
    throw error;
  }

  async function check(
    found: UserWithPassword | undefined,
    password: string,
    counted: Counted[],
    from?: Counted,
  ): Promise<User> {
    const mayTry = () => throttle.check(counted).catch(tooMany);
    await mayTry();
    // Check again before the hash: of a thousand concurrent attempts, only those hashed at once exceed the limit.
    const isRight = await passwords.verify(password, found?.passwordHash, {
      before: mayTry,
      afterWrong: () => throttle.count(counted),
    });
    meters.signIns.inc({ outcome: isRight ? "right" : "wrong" });
    if (!isRight || found === undefined) {
      throw new DomainError(reasons, "BAD_CREDENTIALS", "the user name or the password is wrong");
    }
    await throttle.forgive(pool, found.user, from);
    const hasOperatorPassword = rules.isForOperators(password);
    if (passwords.isOutdated(found.passwordHash)) {
      await updatePassword(pool, found.user.id, { passwordHash: await passwords.hash(password), hasOperatorPassword });
    } else if (found.user.hasOperatorPassword === undefined) {
      await updatePassword(pool, found.user.id, { passwordHash: found.passwordHash, hasOperatorPassword });
    }
    return found.user;
  }

  function counted(account: string, address: string | undefined): Counted[] {
    const byAccount = { key: account, free: freeAttempts };
    if (address === undefined || address === "") {
      return [byAccount];
    }
    return [byAccount, { key: `address ${networkOf(address)}`, free: freeAttemptsPerAddress }];
  }

  function isAdmitted(user: User): boolean {
    return user.isEmailVerified || !options.refuseUnverified;
  }

  function admit(user: User): void {
    if (!isAdmitted(user)) {
      options.askToConfirm(user);
      throw notVerified();
    }
  }

  return {
    admit,
    isAdmitted,
    notVerified,
    async withPassword({ login, password, address, deviceToken }) {
      const found = await findByLogin(pool, login);
      noteSecurity(found === undefined ? {} : { objectId: found.user.id });
      const device = options.devices.deviceOf(found?.user.id ?? "", deviceToken);
      const account = found === undefined ? `login ${foldEmail(login)}` : userKey(found.user.id);
      const known = device === undefined ? undefined : { key: deviceKey(device), free: freeAttempts };
      const user = await check(found, password, known === undefined ? counted(account, address) : [known], known);
      admit(user);
      return user;
    },
    async confirm({ userId, password, address, sessionId }) {
      const found = await findPassword(pool, userId);
      if (found === undefined) {
        throw userNotFound(userId);
      }
      const known = sessionId === undefined ? undefined : { key: sessionKey(sessionId), free: freeAttempts };
      return await check(found, password, known === undefined ? counted(userKey(userId), address) : [known], known);
    },
  };
}

function notVerified(): DomainError {
  const message = "the e-mail address has to be confirmed first: see the mail that was sent to it";
  return new DomainError(reasons, "EMAIL_NOT_VERIFIED", message);
}
