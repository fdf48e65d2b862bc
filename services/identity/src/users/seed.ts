import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { SeedUser } from "../config-json.ts";
import type { Passwords } from "../sessions/passwords.ts";

/** Makes these users, once each: what a person changes or deletes afterwards stays so. */
export async function seedUsers(
  users: readonly SeedUser[],
  { pool, passwords, log }: { pool: Pool; passwords: Passwords; log: Log },
): Promise<void> {
  for (const { id = uuidv7(), username, email, password, roles } of users) {
    const seeded = await pool.query("select from seeded_users where username = $1", [username]);
    if (seeded.rowCount !== 0) {
      continue;
    }
    const hash = await passwords.hash(password);
    await withTransaction(pool, async (tx) => {
      // Of several replicas that start at once, one makes it.
      const first = await tx.query("insert into seeded_users (username) values ($1) on conflict do nothing", [
        username,
      ]);
      if (first.rowCount === 0) {
        return;
      }
      const { rowCount } = await tx.query(
        `insert into users (id, username, email, password_hash, roles) values ($1, $2, $3, $4, $5)
         on conflict do nothing`,
        [id, username, email, hash, roles],
      );
      log.info({ username, made: rowCount === 1 }, "seeded a user");
    });
  }
}
