import type { Log } from "@sagacart/chassis/process/log";
import { isGrpcServiceError } from "@temporalio/client";
import { type BaseWorkflowOptions, defineSearchAttributeKey } from "@temporalio/common";

/** The search attribute that finds the workflows of an order: `SagacartOrderId = "…"`. */
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
 * that was made by hand, Temporal refuses the start: it is made again without it, and logged once. So is a start that is invalid
 * for a reason that does not name the attribute: whether an order is paid must not depend on how Temporal words its errors.
 */
export function createOrderSearch(log: Log, now: () => number = Date.now): OrderSearch {
  let quietUntilMs = 0;
  let isLogged = false;
  const stopSetting = (error: unknown) => {
    quietUntilMs = now() + quietMs;
    if (!isLogged) {
      isLogged = true;
      const attribute = `${orderSearchAttribute}=KeywordList`;
      log.warn({ error, attribute }, "Temporal refuses the search attribute: workflows are not found by their orders");
    }
  };
  return {
    async start(orderIds, start) {
      if (orderIds.length === 0 || Buffer.byteLength(JSON.stringify(orderIds)) > mostBytes || now() < quietUntilMs) {
        return await start({});
      }
      try {
        return await start({ typedSearchAttributes: [{ key, value: [...orderIds] }] });
      } catch (error) {
        if (isAboutAttribute(error)) {
          stopSetting(error);
          return await start({});
        }
        if (isInvalid(error)) {
          const started = await start({});
          // The attribute was the only difference.
          stopSetting(error);
          return started;
        }
        throw error;
      }
    },
  };
}

/** Temporal's errors name the attribute in their message, details or status details; the SDK wraps them. */
function isAboutAttribute(error: unknown): boolean {
  return causes(error).some(
    (cause) =>
      cause.message.includes(orderSearchAttribute) ||
      (isGrpcServiceError(cause) &&
        (cause.details.includes(orderSearchAttribute) ||
          cause.metadata
            .get("grpc-status-details-bin")
            // A protobuf, whose strings are UTF-8. That of an update with start has the status of each within.
            .some((status) => status.includes(orderSearchAttribute)))),
  );
}

function isInvalid(error: unknown): boolean {
  return causes(error).some((cause) => isGrpcServiceError(cause) && cause.code === invalidArgument);
}

/** The code of gRPC's INVALID_ARGUMENT. */
const invalidArgument = 3;

function causes(error: unknown): Error[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}
