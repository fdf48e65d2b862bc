import { spanIdOf, toTraceparent, traceIdOf } from "@sagacart/chassis/trace/traceparent";
import { ContinueAsNew, proxySinks, type WorkflowInterceptorsFactory, workflowInfo } from "@temporalio/workflow";
import { readTrace, withTrace } from "./header.ts";
import type { TraceSinks } from "./sinks.ts";

/**
 * Interceptors in the sandbox: pass the workflow's trace on to its activities, and report its end. The sandbox loads
 * nothing of OpenTelemetry. The id of a run's span is derived from the run's id, so that activities know it before the
 * span exists, and a replay derives the same one.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const { traces } = proxySinks<TraceSinks>();
  let own: string | undefined;
  const passOn = <Input extends { readonly headers: Parameters<typeof withTrace>[0] }>(input: Input): Input =>
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
        scheduleActivity: (input, next) => next(passOn(input)),
        scheduleLocalActivity: (input, next) => next(passOn(input)),
        continueAsNew: (input, next) => next(passOn(input)),
      },
    ],
  };
};

/** The second half of a UUID, which is random in every version of UUID. */
function spanIdOfRun(runId: string): string {
  return runId.replaceAll("-", "").slice(16);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "error";
}
