import type { ServiceImpl } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createWake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { CommandService } from "@sagacart/proto/command/v1/command_service";
import { createClaimer } from "./claim.ts";
import { commandService } from "./command-service.ts";
import { deleteOldBatches } from "./command-store.ts";
import type { StalledCommands } from "./stalled.ts";

export type CommandOutboxOptions = {
  pool: Pool;
  url: string;
  log: Log;
  /** Kinds that stay, as started, until finishCommands deletes them. The others are done once they are confirmed. */
  tracked: readonly string[];
  /** Only for services with tracked kinds. */
  stalled?: StalledCommands;
};

export type CommandOutbox = AsyncDisposable & {
  /** Wakes the claimers: commands were committed. Without it they are found within a second. */
  notify(): void;
  service: ServiceImpl<typeof CommandService>;
};

/**
 * Hands commands out in batches, each under a lease. A batch's members never change: a claim that is not confirmed in
 * time is handed out again under the same id with the same members. So the workflow that is started for it has the same
 * id too, and Temporal refuses the second one.
 */
export function createCommandOutbox({ pool, url, log, tracked, stalled }: CommandOutboxOptions): CommandOutbox {
  const wake = createWake({ url, channel: "commands_recorded", log });
  const pruner = startLoop({
    name: "command-pruner",
    log,
    async run() {
      await deleteOldBatches(pool);
      return { waitMs: 600_000 };
    },
  });
  const notify = () => wake.wake();
  return {
    notify,
    service: commandService({ pool, claimer: createClaimer(pool, wake), tracked, stalled, onRestart: notify }),
    async [Symbol.asyncDispose]() {
      await pruner[Symbol.asyncDispose]();
      await wake[Symbol.asyncDispose]();
    },
  };
}
