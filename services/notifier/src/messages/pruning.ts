import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { pruneMailCounts } from "../channels/mail/recipient-store.ts";
import { pruneMessages } from "./pruning-store.ts";

/**
 * Deletes messages after `keepDays` in the background, a thousand at a time, and the counts of mails of the hours before.
 *
 * They are not recreated: the cursor has passed their events, and if it is set back, the intake ignores events that old. It
 * does so a day earlier, in case clocks differ.
 */
export function startPruning({ pool, log, keepDays }: { pool: Pool; log: Log; keepDays: number }): AsyncDisposable {
  return startLoop({
    name: "message-pruning",
    log,
    async run() {
      await pruneMailCounts(pool);
      const count = await pruneMessages(pool, new Date(Date.now() - keepDays * 86_400_000), limit);
      return count === limit ? "again" : { waitMs: 3_600_000 };
    },
  });
}

const limit = 1_000;
