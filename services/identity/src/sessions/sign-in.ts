import { networkOf } from "@sagacart/chassis/client/network";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Meters } from "../meters.ts";
import { reasons } from "../reasons.ts";
import { type User, userNotFound } from "../users/user.ts";
import { findByLogin, findPassword, type UserWithPassword, updatePassword } from "../users/user-store.ts";
import type { Passwords } from "./passwords.ts";
import { accountKey, type Counted, type Throttle } from "./throttle.ts";

export type SignInOptions = {
  readonly pool: Pool;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly meters: Meters;
  /** Wrong passwords for a user name, and from a network, before pauses begin. */
  readonly freeAttempts: number;
  readonly freeAttemptsPerAddress: number;
};

/** Checks passwords. */
export type SignIn = {
  /** Finds a user by name or e-mail address and checks the password. `address` is the caller's IP address. */
  withPassword(login: string, password: string, address: string | undefined): Promise<User>;
  /** Checks the password of a user by id. Throws USER_NOT_FOUND, too. */
  confirm(userId: string, password: string, address: string | undefined): Promise<User>;
};

/**
 * Checks passwords and slows down guessing. The caller cannot tell a wrong password from an unknown user: both are
 * BAD_CREDENTIALS after the same work, and counted alike. After several of them even the right password gets
 * TOO_MANY_ATTEMPTS.
 */
export function createSignIn(options: SignInOptions): SignIn {
  const { pool, passwords, throttle, meters, freeAttempts, freeAttemptsPerAddress } = options;

  function tooMany(error: unknown): never {
    if (error instanceof DomainError) {
      meters.signIns.inc({ outcome: "too_many" });
    }
    throw error;
  }

  async function check(found: UserWithPassword | undefined, password: string, counted: Counted[]): Promise<User> {
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
    await throttle.forgive(pool, found.user);
    if (passwords.isOutdated(found.passwordHash)) {
      await updatePassword(pool, found.user.id, await passwords.hash(password));
    }
    return found.user;
  }

  function counted(account: string, address: string | undefined): Counted[] {
    const byAccount = { key: accountKey(account), free: freeAttempts };
    if (address === undefined || address === "") {
      return [byAccount];
    }
    return [byAccount, { key: `address ${networkOf(address)}`, free: freeAttemptsPerAddress }];
  }

  return {
    async withPassword(login, password, address) {
      return await check(await findByLogin(pool, login), password, counted(login, address));
    },
    async confirm(userId, password, address) {
      const found = await findPassword(pool, userId);
      if (found === undefined) {
        throw userNotFound(userId);
      }
      return await check(found, password, counted(found.user.username, address));
    },
  };
}
