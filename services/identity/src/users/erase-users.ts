import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { erasePersonalData } from "@sagacart/privacy/erase-store";
import { personalData } from "@sagacart/privacy/personal-data";
import { revokeDeletedUsers } from "../sessions/revocation-store.ts";
import { insertErasures } from "./erasure-store.ts";

/**
 * Deletes what is left of deleted users, in the transaction that tells the other services of it, and records that these are
 * to delete their personal data.
 */
export async function eraseUsers(tx: Queryable, userIds: readonly string[]): Promise<void> {
  for (const userId of userIds) {
    await erasePersonalData(tx, personalData.identity, userId);
  }
  await revokeDeletedUsers(tx, userIds);
  await insertErasures(tx, userIds);
}
