import { errorInfo } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { ConfigError } from "@sagacart/chassis/process/config";
import type { Log } from "@sagacart/chassis/process/log";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { SeedUser } from "../config-json.ts";
import { encryptFactorSecret } from "../factors/factor-secrets.ts";
import { insertFactor } from "../factors/factor-store.ts";
import type { KeyCipher } from "../keys/key-cipher.ts";
import type { PasswordRules } from "../sessions/password-rules.ts";
import type { Passwords } from "../sessions/passwords.ts";
import { insertUserIfFree, markSeeded, wasSeeded } from "./seed-store.ts";
import { appendUserEvents } from "./user-events.ts";

export type SeedOptions = {
  readonly pool: Pool;
  readonly passwords: Passwords;
  readonly rules: PasswordRules;
  readonly cipher: KeyCipher;
  /** Allow passwords that the rules refuse. */
  readonly allowWeak: boolean;
  readonly log: Log;
};

/** Creates each of these users once: a user that is changed or deleted later is not restored. */
export async function seedUsers(
  users: readonly SeedUser[],
  { pool, passwords, rules, cipher, allowWeak, log }: SeedOptions,
): Promise<void> {
  const refuseWeak = allowWeak ? async () => {} : rules.refuseWeak;
  for (const { id = uuidv7(), username, email, password, roles, totpSecret } of users) {
    if (await wasSeeded(pool, username)) {
      continue;
    }
    try {
      await refuseWeak(password, { roles, username, email });
    } catch (error) {
      const { message } = errorInfo(error);
      throw new ConfigError([
        `SEED_USERS: user ${username}: ${message}. SEED_WEAK_PASSWORDS=true allows it, for trying the shop out`,
      ]);
    }
    const hasOperatorPassword = rules.isForOperators(password);
    const passwordHash = await passwords.hash(password);
    await withTransaction(pool, async (tx) => {
      // Of several replicas that start at the same time, one creates the user.
      if (!(await markSeeded(tx, username))) {
        return;
      }
      const made = await insertUserIfFree(tx, {
        ...{ id, username, email, passwordHash, roles, hasOperatorPassword },
      });
      if (made && totpSecret !== undefined) {
        const factorId = uuidv7();
        const encrypted = encryptFactorSecret(cipher, factorId, totpSecret);
        const named = { id: factorId, userId: id, name: "configuration", confirmTime: new Date() };
        await insertFactor(tx, { ...named, ...encrypted });
      }
      if (made) {
        await appendUserEvents(tx, [{ type: "sagacart.user.created.v1", user: { id, email, isEmailVerified: true } }]);
      }
      log.info({ username, made }, "seeded a user");
    });
  }
}
