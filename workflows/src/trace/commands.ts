import type { Span, SpanOptions } from "@sagacart/chassis/trace/span";
import { startShared, tracer } from "@sagacart/chassis/trace/trace";
import { isSampled } from "@sagacart/chassis/trace/traceparent";
import type { Command } from "@sagacart/proto/command/v1/command";
import { workflowAttributes } from "./attributes.ts";

/**
 * The span that starts the workflow of a batch, and in the trace of each of its orders one from its being recorded
 * until now, which links to the batch. The batch links to each order in turn: from either one gets to the other. The
 * batch of one order is a part of that order's trace.
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

/** A span for a command, from its being recorded; in the trace that recorded it. */
export function traceCommand(command: Command, more: Pick<SpanOptions, "attributes" | "links"> = {}): Span | undefined {
  const { id, kind, orderId, deliveries, traceparent } = command;
  if (!isSampled(traceparent)) {
    return undefined;
  }
  return tracer()?.start(`command ${kind}`, {
    ...more,
    kind: "consumer",
    parent: traceparent,
    startMs: recordedMs(id),
    attributes: { ...more.attributes, "sagacart.order.id": orderId, "sagacart.command.deliveries": deliveries },
  });
}

/** Commands have a UUIDv7, whose first 48 bits are the time in ms. */
function recordedMs(id: string): number {
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}
