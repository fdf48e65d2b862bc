import type { Attributes } from "@sagacart/chassis/trace/span";

/** Attributes that find a workflow in Temporal, named as its SDKs name them, and the batch or order that it is for. */
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
