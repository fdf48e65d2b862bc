import { AsyncLocalStorage } from "node:async_hooks";
import type { Principal } from "./auth/principal.ts";
import type { Span } from "./trace/span.ts";

/** What belongs to one call and travels with it, from service to service. */
export type CallContext = {
  /** Made at the edge, or by the first service that sees none. In each log line and each INTERNAL error. */
  readonly requestId: string;
  /** When the caller stops waiting, in milliseconds since the epoch. */
  readonly deadlineMs?: number | undefined;
  /** W3C trace context: where this process traces, of the span that is under way; else passed on as it came. */
  readonly traceparent?: string | undefined;
  /** That span, for who has more to say of it. */
  readonly span?: Span | undefined;
  /** What came beside the trace context, passed on as it came. */
  readonly tracestate?: string | undefined;
  /** The header of that name, as it came: in no log, and passed on only by clients that are told so. */
  readonly authorization?: string | undefined;
  /** The network address of whoever called the gateway, as the gateway says. For counting, and never for letting in. */
  readonly clientAddress?: string | undefined;
  /** Who calls, where that was verified. */
  readonly principal?: Principal | undefined;
  /** Whose things alone the call may touch: the caller's own, or "" for nobody's. Undefined: anybody's. */
  readonly customerId?: string | undefined;
};

const storage = new AsyncLocalStorage<CallContext | undefined>();

/** The context of the call that is being served; undefined outside of one (start, background loops). */
export function callContext(): CallContext | undefined {
  return storage.getStore();
}

/**
 * Runs `fn` as a part of this call. With undefined it runs as a part of none: work that is shared by several
 * calls must not end at the deadline of the one that happened to start it.
 */
export function runWithContext<T>(context: CallContext | undefined, fn: () => T): T {
  return storage.run(context, fn);
}
