import type { Span, SpanOptions } from "@sagacart/chassis/trace/span";
import { startIn, startShared, tracer } from "@sagacart/chassis/trace/trace";
import type { Command } from "@sagacart/proto/command/v1/command";
import { workflowAttributes } from "./attributes.ts";

/**
 * Starts the span that starts the workflow of a batch. In the trace of each of its orders, adds a span from the time the
 * command was recorded until now. These spans link to the batch and the batch links to them. A batch of one order is
 * part of that order's trace.
 */
export function traceBatch(workflow: { type: string; id: string }, members: readonly Command[]): Span | undefined {
  if (tracer() === undefined) {
    return undefined;
  }
  const links = members.map(({ traceparent, orderId }) => ({
    traceparent,
    attributes: { "sagacart.order.id": orderId },
  }));
  const attributes = workflowAttributes(workflow.id);
  const batch = startShared(`StartWorkflow:${workflow.type}`, links, {
    kind: "producer",
    attributes: { ...attributes, "sagacart.batch.size": members.length },
  });
  if (batch !== undefined) {
    for (const member of members) {
      traceCommand(member, { attributes, links: [{ traceparent: batch.traceparent }] })?.end();
    }
  }
  return batch;
}

/** Starts a span for a command, from the time it was recorded, in the trace that recorded it. */
export function traceCommand(command: Command, more: Pick<SpanOptions, "attributes" | "links"> = {}): Span | undefined {
  const { id, kind, orderId, deliveries, traceparent } = command;
  return startIn(traceparent, `command ${kind}`, {
    ...more,
    kind: "consumer",
    startMs: recordedMs(id),
    attributes: { ...more.attributes, "sagacart.order.id": orderId, "sagacart.command.deliveries": deliveries },
  });
}

/** The first 48 bits of a command's UUIDv7 are its time, in ms. */
function recordedMs(id: string): number {
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}
