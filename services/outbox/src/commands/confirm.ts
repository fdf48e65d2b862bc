import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type Confirmation, confirmWholeBatch, deleteMembers, lockBatch, startMembers } from "./command-store.ts";

/**
 * Confirms a batch, or some of its members: tracked kinds are started, the others are done. A repeat changes nothing.
 * Returns false if there is no such batch.
 */
export async function confirmBatch(pool: Pool, confirmation: Confirmation): Promise<boolean> {
  return await withTransaction(pool, async (tx) => {
    if (!(await lockBatch(tx, confirmation.batchId))) {
      return false;
    }
    // Members of a batch that is confirmed as a whole need no write of their own to count as started.
    if (confirmation.commandIds.length > 0) {
      await startMembers(tx, confirmation);
    }
    await deleteMembers(tx, confirmation);
    await confirmWholeBatch(tx, confirmation);
    return true;
  });
}
