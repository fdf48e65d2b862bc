import { create } from "@bufbuild/protobuf";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { isStarted } from "@sagacart/outbox/commands/command-store";
import type { StalledCommand } from "@sagacart/outbox/commands/stalled";
import { CommandSchema } from "@sagacart/proto/command/v1/command";

type Row = {
  id: string;
  kind: string;
  subject: string;
  data: string;
  deliveries: number;
  owner_workflow_id: string | null;
};

/**
 * Lists commands that were given to Temporal and whose order has not changed for a while. A listed command counts as
 * changed, so that it is listed again only after its order was stalled for the same time once more.
 */
export async function listStalled(pool: Pool, stalledForMs: number, limit: number): Promise<StalledCommand[]> {
  const { rows } = await pool.query<Row>(
    `with stalled as (
       select c.id, o.owner_workflow_id from commands c join orders o on o.id = c.subject
       where ${isStarted} and c.update_time < now() - $1 * interval '1 ms'
         and o.update_time < now() - $1 * interval '1 ms'
       order by c.update_time limit $2 for update of c skip locked
     )
     update commands c set update_time = now() from stalled where c.id = stalled.id
     returning c.id, c.kind, c.subject, c.data::text, c.deliveries, stalled.owner_workflow_id`,
    [stalledForMs, limit],
  );
  return rows.map((row) => ({
    command: create(CommandSchema, {
      id: row.id,
      kind: row.kind,
      orderId: row.subject,
      data: row.data,
      deliveries: row.deliveries - 1,
    }),
    ownerWorkflowId: row.owner_workflow_id ?? "",
  }));
}

type Item = { readonly commandId: string; readonly ownerWorkflowId: string };

const restarted = unnest<Item>("item", {
  command_id: ["text", ({ commandId }) => commandId],
  owner: ["text", ({ ownerWorkflowId }) => ownerWorkflowId],
});

/**
 * Reopens commands whose order is still owned by a workflow that is gone. The order of a batch loses its owner, so that
 * the next batch can claim it; the workflow of a single order is started again under the same id.
 */
export async function restartStalled(tx: Transaction, items: readonly Item[]): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `with gone as (
       select o.id, c.id as command_id, c.kind
       from ${restarted.table}
       join commands c on c.id::text = item.command_id and ${isStarted}
       join orders o on o.id = c.subject and coalesce(o.owner_workflow_id, '') = item.owner
       order by o.id for update of o
     ), freed as (
       update orders o set owner_workflow_id = null, update_time = now()
       from gone where o.id = gone.id and gone.kind = 'CHECKOUT'
     )
     update commands c set state = 'OPEN', batch_id = null, update_time = now()
     from gone where c.id = gone.command_id returning c.id`,
    restarted.values(items),
  );
  return rows.map(({ id }) => id);
}
