import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { finishCommands } from "@sagacart/outbox/commands/command-store";
import { recordCommands } from "@sagacart/outbox/commands/record";

/** The kinds of command whose workflow owns the order. They are kept until the order is final. */
export const ownerKinds = ["CHECKOUT", "RESUME"] as const;

/** Makes a workflow the owner of those orders that have none. Of two workflows that try at once, one gets an order. */
export async function claimOrders(tx: Transaction, workflowId: string, orderIds: readonly string[]): Promise<void> {
  await tx.query({
    name: "claim-orders",
    text: `update orders set owner_workflow_id = $1
           where id in (select id from orders where id = any($2) and owner_workflow_id is null order by id for update)
             and owner_workflow_id is null`,
    values: [workflowId, orderIds],
  });
}

/**
 * Gives each order of this workflow a workflow of its own, and records the commands to start these. Returns the orders
 * that were given.
 */
export async function handOver(tx: Transaction, workflowId: string, orderIds: readonly string[]): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>({
    name: "hand-over-orders",
    text: `update orders set owner_workflow_id = 'order-' || id
           where id in (select id from orders where id = any($2) and owner_workflow_id = $1 order by id for update)
           returning id`,
    values: [workflowId, orderIds],
  });
  const ids = rows.map(({ id }) => id);
  await finishCommands(tx, ids, ownerKinds);
  await recordCommands(
    tx,
    ids.map((subject) => ({ kind: "RESUME", subject })),
  );
  return ids;
}
