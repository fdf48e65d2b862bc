import { type RestCaller, restCall } from "../../rest-call.ts";
import type { Trace } from "./span.ts";

/** Reads the spans of these traces, and of the batches that they are part of, from the gateway of a shop that keeps them. */
export async function readTrace(caller: RestCaller, traceIds: readonly string[], signal?: AbortSignal): Promise<Trace> {
  const query = traceIds.map((id) => `id=${encodeURIComponent(id)}`).join("&");
  const { body } = await restCall(caller, { verb: "GET", path: `/observe/traces?${query}`, signal });
  // The gateway's own answer.
  return body as Trace;
}
