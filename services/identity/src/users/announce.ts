import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { listGone, lockAnnouncements, lockUnannounced, type Unannounced } from "./user-event-store.ts";
import { appendUserEvents, type UserEvent } from "./user-events.ts";

/**
 * Appends the events that are missing: of users from before there were events, and of changes by processes of an earlier
 * version while they are being replaced. It reads an index entry for each user, so it runs at the start and every hour.
 */
export function announceUsers({ pool, log, onEvents }: { pool: Pool; log: Log; onEvents: () => void }) {
  return startLoop({
    name: "announce-users",
    log,
    async run() {
      const announced = await withTransaction(pool, announceMissing);
      if (announced > 0) {
        log.info({ announced }, "appended missing events of users");
        onEvents();
      }
      return announced > 0 ? "again" : { waitMs: 3_600_000 };
    },
  });
}

const usersAtOnce = 1_000;

/** Appends up to a thousand missing events of each kind, and returns how many. */
export async function announceMissing(tx: Transaction): Promise<number> {
  await lockAnnouncements(tx);
  const changed = (await lockUnannounced(tx, usersAtOnce)).map((user) => ({ type: typeOf(user), user }));
  const gone = (await listGone(tx, usersAtOnce)).map((id): UserEvent => {
    return { type: "sagacart.user.deleted.v1", user: { id, email: "", isEmailVerified: false } };
  });
  await appendUserEvents(tx, [...changed, ...gone]);
  return changed.length + gone.length;
}

function typeOf({ isKnown, isMoved }: Unannounced): UserEvent["type"] {
  if (!isKnown) {
    return "sagacart.user.created.v1";
  }
  return isMoved ? "sagacart.user.email_changed.v1" : "sagacart.user.email_verified.v1";
}
