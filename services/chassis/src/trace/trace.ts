import { randomUUID } from "node:crypto";
import { type CallContext, callContext, runWithContext } from "../context.ts";
import { uuidv7 } from "../uuid.ts";
import type { Link, Span, SpanOptions, Tracer } from "./span.ts";
import { isSampled, toTraceparent, traceIdOf } from "./traceparent.ts";

let current: Tracer | undefined;

/** Returns this process's tracer; undefined unless startTracing() has turned tracing on. */
export function tracer(): Tracer | undefined {
  return current;
}

export function setTracer(tracer: Tracer | undefined): void {
  current = tracer;
}

/** Starts a child span of the current one; undefined if the current call is not traced. */
export function startSpan(name: string, options: Omit<SpanOptions, "parent"> = {}): Span | undefined {
  if (current === undefined) {
    return undefined;
  }
  const parent = callContext()?.traceparent;
  return isSampled(parent) ? current.start(name, { ...options, parent }) : undefined;
}

/** Starts a span of recorded work in the trace of the call that caused it; undefined if that is not traced. */
export function startIn(
  traceparent: string | undefined,
  name: string,
  options: Omit<SpanOptions, "parent"> = {},
): Span | undefined {
  return isSampled(traceparent) ? current?.start(name, { ...options, parent: traceparent }) : undefined;
}

/** Returns an unsampled traceparent for a call outside of any trace, so that the called service begins none. */
export function untraced(): string | undefined {
  if (current === undefined) {
    return undefined;
  }
  const id = randomUUID().replaceAll("-", "");
  return toTraceparent(id, id.slice(16), false);
}

/** Runs `fn` with the span as the current one, and ends the span with it. */
export async function inSpan<T>(span: Span | undefined, fn: () => Promise<T>): Promise<T> {
  if (span === undefined) {
    return await fn();
  }
  const context = callContext();
  const { traceparent } = span;
  try {
    const result = await runWithContext({ requestId: uuidv7(), ...context, traceparent, span }, fn);
    span.end();
    return result;
  } catch (error) {
    span.end(error instanceof Error ? error.name : "error");
    throw error;
  }
}

/**
 * Starts a span for work that several members share. If they are of one trace, it is a child span; if they are of several,
 * it begins a trace of its own, with a link to each. Undefined if none of them is traced.
 */
export function startShared(
  name: string,
  members: readonly Link[],
  options: Omit<SpanOptions, "parent" | "links"> = {},
): Span | undefined {
  const links = current === undefined ? [] : members.filter(({ traceparent }) => isSampled(traceparent));
  const [first] = links;
  if (current === undefined || first === undefined) {
    return undefined;
  }
  const traceId = traceIdOf(first.traceparent);
  const isOne = links.every(({ traceparent }) => traceIdOf(traceparent) === traceId);
  return current.start(name, isOne ? { ...options, parent: first.traceparent } : { ...options, links });
}

/** Starts a shared span for calls in progress, and links each call's span to it as well. */
export function startSharedBy(callers: readonly (CallContext | undefined)[], name: string): Span | undefined {
  if (current === undefined) {
    return undefined;
  }
  const members = callers.flatMap((caller) =>
    caller?.traceparent === undefined ? [] : [{ traceparent: caller.traceparent, span: caller.span }],
  );
  const shared = startShared(name, members, { attributes: { "sagacart.batch.size": callers.length } });
  if (shared !== undefined) {
    for (const { traceparent, span } of members) {
      if (traceIdOf(traceparent) !== traceIdOf(shared.traceparent)) {
        span?.link({ traceparent: shared.traceparent });
      }
    }
  }
  return shared;
}

/** Starts a span for consuming messages: it begins a trace, with a link to the trace that caused each message. */
export function startConsumer(name: string, traceparents: readonly string[]): Span | undefined {
  if (current === undefined) {
    return undefined;
  }
  const links = [...new Set(traceparents)].filter(isSampled).map((traceparent) => ({ traceparent }));
  const attributes = { "messaging.batch.message_count": traceparents.length };
  return links.length === 0 ? undefined : current.start(name, { kind: "consumer", links, attributes });
}
