import { networkOf } from "@sagacart/chassis/client/network";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Meters } from "../meters.ts";
import { reasons } from "../reasons.ts";
import type { User } from "../users/user.ts";
import { findByLogin, findPassword, type UserWithPassword, updatePassword } from "../users/user-store.ts";
import type { Passwords } from "./passwords.ts";
import type { Counted, Throttle } from "./throttle.ts";

export type SignInOptions = {
  readonly pool: Pool;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly meters: Meters;
  /** How many attempts a name has, and an address. */
  readonly freeAttempts: number;
  readonly freeAttemptsPerAddress: number;
};

/** Finds out whether somebody is who they say. */
export type SignIn = {
  /** The user of this name or e-mail address, if the password is theirs. `address` is the caller's. */
  withPassword(login: string, password: string, address: string | undefined): Promise<User>;
  /** The same for somebody who is known already. Throws USER_NOT_FOUND, too. */
  confirm(userId: string, password: string, address: string | undefined): Promise<User>;
};

/**
 * A wrong password and a name that nobody has are the same to the caller: BAD_CREDENTIALS, after as much work, counted
 * alike. After several of them TOO_MANY_ATTEMPTS, which the right password does not get past either.
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
    // Once more when its turn has come: of a thousand sent at once, as many too many get through as are hashed at a time.
    const isRight = await passwords.verify(password, found?.passwordHash, {
      begin: mayTry,
      wrong: () => throttle.count(counted),
    });
    meters.signIns.inc({ outcome: isRight ? "right" : "wrong" });
    if (!isRight || found === undefined) {
      throw new DomainError(reasons, "BAD_CREDENTIALS", "there is no user of this name with this password");
    }
    const [account] = counted;
    if (account !== undefined) {
      await throttle.forget(account);
    }
    if (passwords.isOutdated(found.passwordHash)) {
      await updatePassword(pool, found.user.id, await passwords.hash(password));
    }
    return found.user;
  }

  function counted(account: string, address: string | undefined): Counted[] {
    const byAccount = { key: `account ${account.toLowerCase()}`, free: freeAttempts };
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
        throw new DomainError(reasons, "USER_NOT_FOUND", `there is no user ${userId}`, { user_id: userId });
      }
      return await check(found, password, counted(found.user.username, address));
    },
  };
}
