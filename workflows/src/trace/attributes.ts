import type { Attributes } from "@sagacart/chassis/trace/span";

/** How a workflow is found in Temporal, by the names that its SDKs use; and the batch or the order that it is for. */
export function workflowAttributes(workflowId: string, runId?: string): Attributes {
  return {
    temporalWorkflowID: workflowId,
    temporalRunID: runId,
    "sagacart.batch_id": afterPrefix(workflowId, "checkout-"),
    "sagacart.order.id": afterPrefix(workflowId, "order-"),
  };
}

function afterPrefix(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}
