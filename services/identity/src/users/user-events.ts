import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { appendEvents } from "@sagacart/outbox/events/append";
import { eraseUsers } from "./erase-users.ts";
import type { User } from "./user.ts";
import { forgetAddresses, lastSequences } from "./user-event-store.ts";

/** A change of a user. */
export type UserEventType =
  | "sagacart.user.created.v1"
  | "sagacart.user.email_changed.v1"
  | "sagacart.user.email_verified.v1"
  | "sagacart.user.deleted.v1";

export type UserEvent = {
  readonly type: UserEventType;
  /** The user as it is from now on; of a deleted one only the id is told. */
  readonly user: Pick<User, "id" | "email" | "isEmailVerified">;
};

/**
 * Appends events of users, at most one of each, in the transaction that makes them true. The caller holds the locks of
 * the users' rows.
 *
 * Each event tells the user's address and whether it is verified, so a consumer may act on the newest that it has read. The
 * address is in a user's newest event only, and is removed from the earlier ones: the feed keeps no former address, and
 * none of a deleted user.
 */
export async function appendUserEvents(tx: Queryable, events: readonly UserEvent[]): Promise<void> {
  if (events.length === 0) {
    return;
  }
  const ids = events.map(({ user }) => user.id);
  const last = await lastSequences(tx, ids);
  await forgetAddresses(tx, ids);
  await appendEvents(
    tx,
    events.map(({ type, user }) => ({
      subject: user.id,
      sequence: (last.get(user.id) ?? 0n) + 1n,
      type,
      data: {
        userId: user.id,
        ...(type === "sagacart.user.deleted.v1" ? {} : { email: user.email, emailVerified: user.isEmailVerified }),
      },
    })),
  );
  const deleted = events.flatMap(({ type, user }) => (type === "sagacart.user.deleted.v1" ? [user.id] : []));
  if (deleted.length > 0) {
    await eraseUsers(tx, deleted);
  }
}
