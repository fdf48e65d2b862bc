import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import {
  ClaimCommandsResponseSchema,
  type CommandService,
  ConfirmCommandsResponseSchema,
  ListStalledCommandsResponse_StalledCommandSchema,
  ListStalledCommandsResponseSchema,
  RestartCommandsResponseSchema,
} from "@sagacart/proto/command/v1/command_service";
import type { Claimer } from "./claim.ts";
import { confirmBatch } from "./confirm.ts";
import type { StalledCommands } from "./stalled.ts";

export const commandReasons = defineReasons({ BATCH_NOT_FOUND: Code.NotFound });

export type CommandServiceOptions = {
  pool: Pool;
  claimer: Claimer;
  tracked: readonly string[];
  stalled: StalledCommands | undefined;
  /** Called when commands were opened again. */
  onRestart(): void;
};

/** The RPCs of CommandService. */
export function commandService(options: CommandServiceOptions): ServiceImpl<typeof CommandService> {
  const { pool, claimer, tracked, stalled, onRestart } = options;
  return {
    async claimCommands({ claimer: name, kinds, maxCommands, lease, wait }, { signal }) {
      const claim = { claimer: name, kinds, maxCommands, leaseMs: durationOf(lease) };
      const batch = await claimer.claim(claim, durationOf(wait), signal);
      return create(ClaimCommandsResponseSchema, batch ?? {});
    },
    async confirmCommands({ batchId, commandIds }) {
      if (!(await confirmBatch(pool, { batchId, commandIds, tracked }))) {
        const message = `there is no batch ${batchId}`;
        throw new DomainError(commandReasons, "BATCH_NOT_FOUND", message, { batch_id: batchId });
      }
      return create(ConfirmCommandsResponseSchema);
    },
    async listStalledCommands({ pageSize, stalledFor }) {
      const limit = pageSize === 0 ? 100 : Math.min(pageSize, 1_000);
      const commands = (await stalled?.list(pool, durationOf(stalledFor), limit)) ?? [];
      return create(ListStalledCommandsResponseSchema, {
        commands: commands.map((command) => create(ListStalledCommandsResponse_StalledCommandSchema, command)),
      });
    },
    async restartCommands({ items }) {
      const commandIds = stalled && (await withTransaction(pool, (tx) => stalled.restart(tx, items)));
      onRestart();
      return create(RestartCommandsResponseSchema, { commandIds: commandIds ?? [] });
    },
  };
}

/** In ms; validation refuses a request without a lease, and without a wait there is none. */
function durationOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}
