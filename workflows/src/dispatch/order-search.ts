import type { Log } from "@sagacart/chassis/process/log";
import { type BaseWorkflowOptions, defineSearchAttributeKey } from "@temporalio/common";

/** The search attribute by which Temporal finds the workflows of an order: `SagacartOrderId = "…"`. */
export const orderSearchAttribute = "SagacartOrderId";

const key = defineSearchAttributeKey(orderSearchAttribute, "KEYWORD_LIST");

/**
 * Temporal takes at most 2,048 bytes for an attribute (frontend.searchAttributesSizeOfValueLimit; fixed in Temporal Cloud). That
 * is about 50 ids of ours. A batch that is larger has no attribute. It could have one where the limit is raised, but Temporal
 * writes the ids again with each state of the workflow and into an index when it starts and ends: for a thousand orders 39 KB
 * and a thousand entries each time, just when it is busy. The order itself has the id of its workflow in any case.
 */
const mostBytes = 2_000;

/** How long to start workflows without the attribute where Temporal does not know it. */
const quietMs = 300_000;

export type OrderSearch = {
  /** Starts a workflow so that it is found by these orders, if Temporal lets it. Rejects like `start`. */
  start<T>(
    orderIds: readonly string[],
    start: (more: Pick<BaseWorkflowOptions, "typedSearchAttributes">) => Promise<T>,
  ): Promise<T>;
};

/**
 * Sets the search attribute when a workflow is started, which adds no event. Where the namespace does not have it, as in one
 * that was made by hand, Temporal refuses the start: it is made again without it, and logged once.
 */
export function createOrderSearch(log: Log, now: () => number = Date.now): OrderSearch {
  let quietUntilMs = 0;
  let isLogged = false;
  return {
    async start(orderIds, start) {
      if (orderIds.length === 0 || Buffer.byteLength(JSON.stringify(orderIds)) > mostBytes || now() < quietUntilMs) {
        return await start({});
      }
      try {
        return await start({ typedSearchAttributes: [{ key, value: [...orderIds] }] });
      } catch (error) {
        if (!isAboutAttribute(error)) {
          throw error;
        }
        quietUntilMs = now() + quietMs;
        if (!isLogged) {
          isLogged = true;
          const attribute = `${orderSearchAttribute}=KeywordList`;
          log.warn(
            { error, attribute },
            "Temporal does not know the search attribute: its workflows are not found by their orders",
          );
        }
        return await start({});
      }
    },
  };
}

/** Temporal's errors name the attribute; the SDK wraps them. */
function isAboutAttribute(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.message.includes(orderSearchAttribute)) {
      return true;
    }
  }
  return false;
}
