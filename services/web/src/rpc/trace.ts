import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { Interceptor } from "@connectrpc/connect";
import { newRequestId } from "./request-id.ts";

/**
 * Begins a trace with each click (W3C Trace Context): all that it changes, in several calls if need be, is one trace. What only
 * reads is left to the gateway, since pages read by themselves all the time. `ratio` is the share of clicks to record, which is
 * decided here: the gateway records what it is told to.
 */
export function traceClicks(ratio: number, page: EventTarget = window): Interceptor {
  let click: { readonly traceparent: string; readonly atMs: number } | undefined;
  const forget = () => {
    click = undefined;
  };
  // Also by keyboard: a browser reports the key that presses a button as a click.
  page.addEventListener("click", forget, { capture: true });
  page.addEventListener("submit", forget, { capture: true });
  return (next) => async (request) => {
    if (request.method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) {
      const nowMs = Date.now();
      if (click === undefined || nowMs - click.atMs > longestMs) {
        click = { traceparent: newTraceparent(Math.random() < ratio), atMs: nowMs };
      }
      request.header.set("traceparent", click.traceparent);
    }
    return await next(request);
  };
}

/** What a page does by itself later than this was not caused by the last click. */
const longestMs = 10_000;

function newTraceparent(isSampled: boolean): string {
  return `00-${newRequestId()}-${newRequestId().slice(16)}-${isSampled ? "01" : "00"}`;
}
