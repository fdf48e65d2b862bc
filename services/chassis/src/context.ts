import { AsyncLocalStorage } from "node:async_hooks";
import type { Principal } from "./auth/principal.ts";
import type { Span } from "./trace/span.ts";

/** The context of one call, passed on from service to service. */
export type CallContext = {
  /** Created by the gateway, or by the first service that gets none. In each log line and each INTERNAL error. */
  readonly requestId: string;
  /** When the caller stops waiting, in ms since the epoch. */
  readonly deadlineMs?: number | undefined;
  /** W3C trace context: of the current span if this process traces; else passed on unchanged. */
  readonly traceparent?: string | undefined;
  /** The current span, to add attributes to. */
  readonly span?: Span | undefined;
  /** The header `tracestate`, passed on unchanged. */
  readonly tracestate?: string | undefined;
  /** The header `authorization`. Never logged, and passed on only by clients with callersToken. */
  readonly authorization?: string | undefined;
  /** The network address of the gateway's caller, as the gateway reports it. For rate limits, never for access. */
  readonly clientAddress?: string | undefined;
  /** The program of the gateway's caller, as it says itself: to show people their sessions. */
  readonly userAgent?: string | undefined;
  /** How long a sign-in counts as fresh here; 0 asks for none. */
  readonly freshSignInMs?: number | undefined;
  /** The caller, once verified. */
  readonly principal?: Principal | undefined;
  /** The facts that the handler adds to the line of the security log, if the call is one: see noteSecurity. */
  readonly securityNote?: { objectId?: string; factor?: string } | undefined;
  /** The customer that the call is confined to; "" for no customer's resources, undefined for all customers'. */
  readonly customerId?: string | undefined;
};

const storage = new AsyncLocalStorage<CallContext | undefined>();

/** Returns the context of the call being served; undefined outside of calls (start, background loops). */
export function callContext(): CallContext | undefined {
  return storage.getStore();
}

/**
 * Runs `fn` in this call's context. With undefined, it runs outside of any call: work that several calls share must not end
 * at the deadline of the call that happened to start it.
 */
export function runWithContext<T>(context: CallContext | undefined, fn: () => T): T {
  return storage.run(context, fn);
}
