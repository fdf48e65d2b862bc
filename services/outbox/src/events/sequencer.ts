import { setTimeout } from "node:timers/promises";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Wake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { lockSequencer, sequenceEvents } from "./event-store.ts";

export type SequencerOptions = {
  pool: Pool;
  log: Log;
  /** Says that events were committed. */
  committed: Wake;
  /** Called when events got positions. */
  onSequenced(): void;
};

/** Gives positions to committed events, in the background. Of several processes one does so at a time. */
export function startSequencer({ pool, log, committed, onSequenced }: SequencerOptions): AsyncDisposable {
  return startLoop({
    name: "event-sequencer",
    log,
    wake: committed,
    async run(signal) {
      const { notes, events } = await withTransaction(pool, async (tx) => {
        await lockSequencer(tx);
        return await sequenceEvents(tx, notesLimit);
      });
      if (events > 0n) {
        onSequenced();
      }
      if (notes === BigInt(notesLimit)) {
        return "again";
      }
      // Transactions that commit during the pause are sequenced together.
      await setTimeout(paceMs, undefined, { signal });
      return { waitMs: 1_000 };
    },
  });
}

const notesLimit = 1_000;
const paceMs = 50;
