import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { SeedUser } from "../config-json.ts";
import type { Passwords } from "../sessions/passwords.ts";
import { insertUserIfFree, markSeeded, wasSeeded } from "./seed-store.ts";
import { appendUserEvents } from "./user-events.ts";

/** Creates each of these users once: a user that is changed or deleted later is not restored. */
export async function seedUsers(
  users: readonly SeedUser[],
  { pool, passwords, log }: { pool: Pool; passwords: Passwords; log: Log },
): Promise<void> {
  for (const { id = uuidv7(), username, email, password, roles } of users) {
    if (await wasSeeded(pool, username)) {
      continue;
    }
    const passwordHash = await passwords.hash(password);
    await withTransaction(pool, async (tx) => {
      // Of several replicas that start at the same time, one creates the user.
      if (!(await markSeeded(tx, username))) {
        return;
      }
      const made = await insertUserIfFree(tx, { id, username, email, passwordHash, roles });
      if (made) {
        await appendUserEvents(tx, [{ type: "sagacart.user.created.v1", user: { id, email, isEmailVerified: true } }]);
      }
      log.info({ username, made }, "seeded a user");
    });
  }
}
