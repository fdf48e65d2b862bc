import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@temporalio/client";

export type Histories = {
  /** Workflows that were begun in the window. */
  readonly workflows: number;
  /** The events in their histories, all together. */
  readonly events: number;
};

/**
 * The workflows of a task queue that were begun between two moments, and how long their histories became. Asks
 * Temporal's visibility, which is told a little later than the workflow ends: so only when it has stood still.
 */
export async function historiesOf(
  client: Client,
  query: { taskQueue: string; from: Date; to: Date },
): Promise<Histories> {
  const begun =
    `TaskQueue = "${query.taskQueue}" AND StartTime >= "${query.from.toISOString()}" ` +
    `AND StartTime < "${query.to.toISOString()}"`;
  let workflows = -1;
  for (let round = 0; round < 20; round++) {
    const { count } = await client.workflow.count(begun);
    const { count: open } = await client.workflow.count(`${begun} AND ExecutionStatus = "Running"`);
    if (count === workflows && open === 0) {
      break;
    }
    workflows = count;
    await sleep(500);
  }
  let looked = 0;
  let events = 0;
  for await (const { historyLength } of client.workflow.list({ query: begun, pageSize: 500 })) {
    looked++;
    events += historyLength;
    if (looked === mostLooked) {
      break;
    }
  }
  return { workflows, events: looked === 0 ? 0 : Math.round((events / looked) * workflows) };
}

/** The mean of so many stands for all. */
const mostLooked = 2_000;
