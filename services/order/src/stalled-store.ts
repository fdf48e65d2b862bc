import { create } from "@bufbuild/protobuf";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
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
 * Commands that Temporal was given and whose order has not changed for a while. Looking at one counts as a change of
 * the command: it is listed again only after standing still for as long once more.
 */
export async function listStalled(pool: Pool, stalledForMs: number, limit: number): Promise<StalledCommand[]> {
  const { rows } = await pool.query<Row>(
    `with standing as (
       select c.id, o.owner_workflow_id from commands c join orders o on o.id = c.subject
       where ${isStarted} and c.update_time < now() - $1 * interval '1 ms'
         and o.update_time < now() - $1 * interval '1 ms'
       order by c.update_time limit $2 for update of c skip locked
     )
     update commands c set update_time = now() from standing where c.id = standing.id
     returning c.id, c.kind, c.subject, c.data::text, c.deliveries, standing.owner_workflow_id`,
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

/**
 * Opens commands again whose order is still carried by the workflow that is gone. The order of a batch loses its
 * carrier, so that the next batch can take it; the workflow of a single order is started again under its own id.
 */
export async function restartStalled(
  tx: Transaction,
  items: readonly { commandId: string; ownerWorkflowId: string }[],
): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `with gone as (
       select o.id, c.id as command_id, c.kind
       from unnest($1::text[], $2::text[]) as item (command_id, carrier)
       join commands c on c.id::text = item.command_id and ${isStarted}
       join orders o on o.id = c.subject and coalesce(o.owner_workflow_id, '') = item.carrier
       order by o.id for update of o
     ), freed as (
       update orders o set owner_workflow_id = null, update_time = now()
       from gone where o.id = gone.id and gone.kind = 'CHECKOUT'
     )
     update commands c set state = 'OPEN', batch_id = null, update_time = now()
     from gone where c.id = gone.command_id returning c.id`,
    [items.map(({ commandId }) => commandId), items.map(({ ownerWorkflowId }) => ownerWorkflowId)],
  );
  return rows.map(({ id }) => id);
}
