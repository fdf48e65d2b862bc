import { spanIdOf, toTraceparent, traceIdOf } from "@sagacart/chassis/trace/traceparent";
import { ContinueAsNew, proxySinks, type WorkflowInterceptorsFactory, workflowInfo } from "@temporalio/workflow";
import { readTrace, withTrace } from "./header.ts";
import type { TraceSinks } from "./sinks.ts";

/**
 * Within a workflow's sandbox: hands the trace that it was started with on to its activities, and says when it ended.
 * Nothing of OpenTelemetry is in the sandbox. The span of a run has an id that follows from the run's, so activities
 * know it before there is one, and after a replay it still is the same.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const { traces } = proxySinks<TraceSinks>();
  let own: string | undefined;
  const handOn = <Input extends { readonly headers: Parameters<typeof withTrace>[0] }>(input: Input): Input =>
    own === undefined ? input : { ...input, headers: withTrace(input.headers, own) };
  return {
    inbound: [
      {
        async execute(input, next) {
          const parent = readTrace(input.headers);
          if (parent === undefined) {
            return await next(input);
          }
          own = toTraceparent(traceIdOf(parent), spanIdOfRun(workflowInfo().runId), true);
          const spanId = spanIdOf(own);
          try {
            const result = await next(input);
            traces.workflowEnded({ parent, spanId });
            return result;
          } catch (error) {
            const failed = !(error instanceof ContinueAsNew);
            traces.workflowEnded({ parent, spanId, ...(failed ? { error: nameOf(error) } : {}) });
            throw error;
          }
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(handOn(input)),
        scheduleLocalActivity: (input, next) => next(handOn(input)),
        continueAsNew: (input, next) => next(handOn(input)),
      },
    ],
  };
};

/** The last half of a UUID, which is random in each of its versions. */
function spanIdOfRun(runId: string): string {
  return runId.replaceAll("-", "").slice(16);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "error";
}
