import { defaultPayloadConverter, type Headers } from "@temporalio/common";

/** The header in which all of Temporal's SDKs propagate a trace. */
const name = "_tracer-data";

/** Returns the traceparent that a workflow or an activity was started with. */
export function readTrace(headers: Headers): string | undefined {
  const payload = headers[name];
  const value: unknown = payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);
  return typeof value === "object" &&
    value !== null &&
    "traceparent" in value &&
    typeof value.traceparent === "string" &&
    value.traceparent !== ""
    ? value.traceparent
    : undefined;
}

export function withTrace(headers: Headers, traceparent: string): Headers {
  return { ...headers, [name]: defaultPayloadConverter.toPayload({ traceparent }) };
}
