import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@temporalio/client";

export type Histories = {
  /** The number of workflows that were started in the window. */
  readonly workflows: number;
  /** The number of events in all their histories. */
  readonly events: number;
};

/**
 * Counts the workflows of a task queue that were started between two times, and the events in their histories. Polls
 * Temporal's visibility until it no longer changes, because it is updated a little after a workflow ends.
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

/** The size of the sample whose mean stands for all. */
const mostLooked = 2_000;
