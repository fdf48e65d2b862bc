import type { Tracer } from "@sagacart/chassis/trace/span";
import { tracer } from "@sagacart/chassis/trace/trace";
import type { InjectedSinks } from "@temporalio/worker";
import type { Sinks, WorkflowInfo } from "@temporalio/workflow";
import { workflowAttributes } from "./attributes.ts";

/** The end of a workflow's run: its parent span, its own span's id, and the error it failed with. */
type Ended = { readonly parent: string; readonly spanId: string; readonly error?: string };

export interface TraceSinks extends Sinks {
  traces: { workflowEnded(ended: Ended): void };
}

/** Creates the span of a run when the run has ended: once, however often it is replayed. */
export function traceSinks(): InjectedSinks<TraceSinks> {
  const tracing = tracer();
  return {
    traces: {
      workflowEnded: {
        fn: (info, ended) => tracing && recordRun(tracing, info, ended),
        callDuringReplay: false,
      },
    },
  };
}

function recordRun(tracing: Tracer, info: WorkflowInfo, { parent, spanId, error }: Ended): void {
  const { workflowType, workflowId, runId, runStartTime } = info;
  const span = tracing.start(`RunWorkflow:${workflowType}`, {
    parent,
    spanId,
    startMs: runStartTime.getTime(),
    attributes: workflowAttributes(workflowId, runId),
  });
  span.end(error);
}
