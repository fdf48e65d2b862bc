import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { type Pool, type Queryable, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { createWake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { isSampled } from "@sagacart/chassis/trace/traceparent";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Command, CommandSchema } from "@sagacart/proto/command/v1/command";
import {
  ClaimCommandsResponseSchema,
  type CommandService,
  ConfirmCommandsResponseSchema,
  type ListStalledCommandsResponse_StalledCommand,
  ListStalledCommandsResponse_StalledCommandSchema,
  ListStalledCommandsResponseSchema,
  RestartCommandsResponseSchema,
} from "@sagacart/proto/command/v1/command_service";
import { validate as isUuid, NIL } from "uuid";
import { createSleeper, type JsonObject } from "../events/feed.ts";

export const commandReasons = defineReasons({ BATCH_NOT_FOUND: Code.NotFound });

export type NewCommand = {
  kind: string;
  orderId: string;
  data?: JsonObject;
  /** The trace that it is a part of; that of the call under way unless told otherwise. */
  traceparent?: string | undefined;
  /** Somebody does it already: nobody is to claim it. Only for kinds that are tracked. */
  started?: boolean;
};

/** Records commands in the transaction that decided them: one statement, whatever their number. */
export async function recordCommands(tx: Queryable, commands: readonly NewCommand[]): Promise<void> {
  if (commands.length === 0) {
    return;
  }
  const underWay = callContext()?.traceparent;
  await tx.query({
    name: "record-commands",
    text: `insert into commands (id, kind, order_id, data, state, traceparent)
           select * from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[])`,
    values: [
      commands.map(() => uuidv7()),
      commands.map(({ kind }) => kind),
      commands.map(({ orderId }) => orderId),
      commands.map(({ data }) => JSON.stringify(data ?? {})),
      commands.map(({ started }) => (started === true ? "STARTED" : "OPEN")),
      commands.map(({ traceparent = underWay }) => (isSampled(traceparent) ? traceparent : null)),
    ],
  });
}

/** Drops what was being done for orders that are final, or that another command carries on. */
export async function finishCommands(
  tx: Queryable,
  orderIds: readonly string[],
  kinds: readonly string[],
): Promise<void> {
  await tx.query({
    name: "finish-commands",
    text: "delete from commands where order_id = any($1) and kind = any($2)",
    values: [orderIds, kinds],
  });
}

export type CommandOutboxOptions = {
  pool: Pool;
  url: string;
  log: Log;
  /** Kinds that stay, STARTED, until finishCommands drops them. The others are done once they are confirmed. */
  tracked: readonly string[];
  /** How to find out that a tracked command stands still, and how to take its order from a carrier that is gone. */
  standing?: {
    list(pool: Pool, stalledForMs: number, limit: number): Promise<StalledCommand[]>;
    restart(tx: Transaction, items: readonly { commandId: string; ownerWorkflowId: string }[]): Promise<string[]>;
  };
};

export type StalledCommand = { command: Command; ownerWorkflowId: string };

export type CommandOutbox = AsyncDisposable & {
  /** Says that commands were committed. Without it they are found a second later. */
  notify(): void;
  service: ServiceImpl<typeof CommandService>;
};

/**
 * Hands commands out in batches, each under a lease. What a batch holds never changes: a claim that was not
 * confirmed in time is handed out again under the same id with the same members, so that the workflow started for
 * it has the same id too, and Temporal refuses the second one.
 */
export function createCommandOutbox(options: CommandOutboxOptions): CommandOutbox {
  const { pool, url, log, tracked } = options;
  const wake = createWake({ url, channel: "commands_recorded", log });
  const mayHaveExpired = createExpiryCheck();
  const pruner = startLoop({
    name: "command-pruner",
    log,
    async run() {
      await pool.query(
        `delete from command_batches b where state = 'CONFIRMED' and create_time < now() - interval '1 day'
         and not exists (select from commands where batch_id = b.id)`,
      );
      return { waitMs: 600_000 };
    },
  });
  return {
    notify: () => wake.wake(),
    service: {
      async claimCommands(request, context: HandlerContext) {
        const claim = { ...request, leaseMs: durationOf(request.lease) };
        const until = Date.now() + durationOf(request.wait);
        const sleeper = createSleeper(wake, context.signal);
        try {
          for (;;) {
            const batch = context.signal.aborted
              ? undefined
              : await claimBatch(pool, claim, mayHaveExpired(claim.kinds));
            const leftMs = until - Date.now();
            if (batch !== undefined || leftMs <= 0 || context.signal.aborted) {
              return create(ClaimCommandsResponseSchema, batch ?? {});
            }
            await sleeper.sleep(Math.min(leftMs, 1_000));
          }
        } finally {
          sleeper.close();
        }
      },
      async confirmCommands(request) {
        await confirmBatch(pool, { batchId: request.batchId, commandIds: request.commandIds, tracked });
        return create(ConfirmCommandsResponseSchema);
      },
      async listStalledCommands(request) {
        const limit = request.pageSize === 0 ? 100 : Math.min(request.pageSize, 1_000);
        const standing = (await options.standing?.list(pool, durationOf(request.stalledFor), limit)) ?? [];
        return create(ListStalledCommandsResponseSchema, { commands: standing.map(stalledMessage) });
      },
      async restartCommands(request) {
        const { standing } = options;
        const commandIds = standing && (await withTransaction(pool, (tx) => standing.restart(tx, request.items)));
        wake.wake();
        return create(RestartCommandsResponseSchema, { commandIds: commandIds ?? [] });
      },
    },
    async [Symbol.asyncDispose]() {
      await pruner[Symbol.asyncDispose]();
      await wake[Symbol.asyncDispose]();
    },
  };
}

type Row = {
  id: string;
  kind: string;
  order_id: string;
  data: string;
  deliveries: number;
  traceparent: string | null;
};
type Claim = { claimer: string; kinds: readonly string[]; maxCommands: number; leaseMs: number };
type Batch = { batchId: string; commands: Command[] };

async function claimBatch(pool: Pool, claim: Claim, lookForExpired: boolean): Promise<Batch | undefined> {
  const batch = lookForExpired ? await claimExpired(pool, claim) : undefined;
  return batch ?? (await claimOpen(pool, claim));
}

/** Whether to look for claims of these kinds that ran out. Leases last for seconds, so four times a second is enough. */
function createExpiryCheck(): (kinds: readonly string[]) => boolean {
  const lastMs = new Map<string, number>();
  return (kinds) => {
    const key = kinds.join();
    const nowMs = performance.now();
    const due = nowMs - (lastMs.get(key) ?? Number.NEGATIVE_INFINITY) >= 250;
    if (due) {
      lastMs.set(key, nowMs);
    }
    return due;
  };
}

/** A batch whose claimer did not confirm in time, as it was. */
async function claimExpired(pool: Pool, { claimer, kinds, leaseMs }: Claim): Promise<Batch | undefined> {
  const { rows } = await pool.query<Row & { batch_id: string }>({
    name: "claim-expired-batch",
    text: `with expired as (
             select id from command_batches
             where state = 'CLAIMED' and lease_expire_time < now() and kinds <@ $1
             order by lease_expire_time for update skip locked limit 1
           ), renewed as (
             update command_batches b set claimer = $2, lease_expire_time = now() + $3 * interval '1 ms'
             from expired where b.id = expired.id returning b.id
           )
           update commands c set deliveries = deliveries + 1, update_time = now()
           from renewed where c.batch_id = renewed.id and c.state = 'CLAIMED'
           returning c.id, c.kind, c.order_id, c.data::text, c.deliveries, c.traceparent, c.batch_id`,
    values: [kinds, claimer, leaseMs],
  });
  const batchId = rows[0]?.batch_id;
  return batchId === undefined ? undefined : { batchId, commands: toCommands(rows) };
}

async function claimOpen(pool: Pool, claim: Claim): Promise<Batch | undefined> {
  const batchId = uuidv7();
  const { rows } = await pool.query<Row>({
    name: "claim-open-commands",
    text: `with picked as materialized (
             select id from commands where state = 'OPEN' and kind = any($1)
             order by create_time, id limit $2 for update skip locked
           ), batch as (
             insert into command_batches (id, kinds, claimer, lease_expire_time)
             select $3, $1, $4, now() + $5 * interval '1 ms' where exists (select 1 from picked)
           )
           update commands c set state = 'CLAIMED', batch_id = $3, deliveries = deliveries + 1, update_time = now()
           from picked where c.id = picked.id
           returning c.id, c.kind, c.order_id, c.data::text, c.deliveries, c.traceparent`,
    values: [claim.kinds, claim.maxCommands, batchId, claim.claimer, claim.leaseMs],
  });
  return rows.length === 0 ? undefined : { batchId, commands: toCommands(rows) };
}

async function confirmBatch(
  pool: Pool,
  { batchId, commandIds, tracked }: { batchId: string; commandIds: readonly string[]; tracked: readonly string[] },
): Promise<void> {
  const confirmed = await withTransaction(pool, async (tx) => {
    const batch = await tx.query({
      name: "lock-command-batch",
      text: "select 1 from command_batches where id = $1 for update",
      values: [uuidOrNil(batchId)],
    });
    if (batch.rowCount === 0) {
      return false;
    }
    const ids = commandIds.map(uuidOrNil);
    const members = "batch_id = $1 and state = 'CLAIMED' and (cardinality($2::uuid[]) = 0 or id = any($2))";
    if (ids.length > 0) {
      await tx.query({
        name: "start-commands",
        text: `update commands set state = 'STARTED', update_time = now() where ${members} and kind = any($3)`,
        values: [batchId, ids, tracked],
      });
    }
    await tx.query({
      name: "drop-commands",
      text: `delete from commands where ${members} and kind <> all($3)`,
      values: [batchId, ids, tracked],
    });
    await tx.query({
      name: "confirm-command-batch",
      text: `update command_batches set state = 'CONFIRMED' where id = $1
             and ($2 or not exists (select 1 from commands where batch_id = $1 and state = 'CLAIMED'))`,
      values: [batchId, ids.length === 0],
    });
    return true;
  });
  if (!confirmed) {
    throw new DomainError(commandReasons, "BATCH_NOT_FOUND", `there is no batch ${batchId}`, { batch_id: batchId });
  }
}

/**
 * SQL for whether a command `c` is in Temporal's hands: STARTED, or a member of a batch that was confirmed as a whole,
 * which saves a write for each of its members.
 */
export const isStarted = `(c.state = 'STARTED' or (c.state = 'CLAIMED' and exists (
  select from command_batches b where b.id = c.batch_id and b.state = 'CONFIRMED')))`;

/** Oldest first: the ids are UUIDv7, which sort by time. */
function toCommands(rows: readonly Row[]): Command[] {
  return rows
    .map((row) =>
      create(CommandSchema, {
        id: row.id,
        kind: row.kind,
        orderId: row.order_id,
        data: row.data,
        deliveries: row.deliveries - 1,
        traceparent: row.traceparent ?? "",
      }),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function stalledMessage({ command, ownerWorkflowId }: StalledCommand): ListStalledCommandsResponse_StalledCommand {
  return create(ListStalledCommandsResponse_StalledCommandSchema, { command, ownerWorkflowId });
}

/** What is no UUID names nothing; the nil UUID is never given out. */
function uuidOrNil(id: string): string {
  return isUuid(id) ? id : NIL;
}

function durationOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}
