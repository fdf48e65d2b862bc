import { callContext, runWithContext } from "@sagacart/chassis/context";
import type { Tracer } from "@sagacart/chassis/trace/span";
import { inSpan, tracer } from "@sagacart/chassis/trace/trace";
import { isSampled } from "@sagacart/chassis/trace/traceparent";
import type { ClientInterceptors, WorkflowClientInterceptor } from "@temporalio/client";
import type { ActivityInterceptorsFactory } from "@temporalio/worker";
import { workflowAttributes } from "./attributes.ts";
import { readTrace, withTrace } from "./header.ts";

/** Interceptors for a client: a workflow that is started within a span becomes part of its trace. */
export function startInterceptors(): ClientInterceptors {
  const starts: WorkflowClientInterceptor = {
    startWithDetails: (input, next) => next({ ...input, headers: withCurrent(input.headers) }),
    startUpdateWithStart: (input, next) =>
      next({ ...input, workflowStartHeaders: withCurrent(input.workflowStartHeaders) }),
  };
  return tracer() === undefined ? {} : { workflow: [starts] };
}

type Headers = Parameters<typeof withTrace>[0];

function withCurrent(headers: Headers): Headers {
  const traceparent = callContext()?.traceparent;
  return isSampled(traceparent) ? withTrace(headers, traceparent) : headers;
}

/** Interceptors for a worker: each attempt of an activity gets a span, and the calls that it makes are part of it. */
export function activityInterceptors(): ActivityInterceptorsFactory[] {
  const tracing = tracer();
  return tracing === undefined ? [] : [traceActivities(tracing)];
}

function traceActivities(tracing: Tracer): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const parent = readTrace(input.headers);
        if (parent === undefined) {
          return await next(input);
        }
        const { workflowId, runId } = info.workflowExecution ?? { workflowId: "", runId: "" };
        const span = tracing.start(`RunActivity:${info.activityType}`, {
          parent,
          attributes: {
            ...workflowAttributes(workflowId, runId),
            temporalActivityID: info.activityId,
            "sagacart.activity.attempt": info.attempt,
            "sagacart.activity.local": info.isLocal,
          },
        });
        return await runWithContext({ requestId: workflowId }, () => inSpan(span, () => next(input)));
      },
    },
  });
}
