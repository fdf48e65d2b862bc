import type { SentSpan } from "@sagacart/chassis/trace/otlp";
import { truncate } from "@sagacart/chassis/truncate";

/** The most that is kept. What is over it is removed at once, so a flood of spans takes no more memory than this. */
export type SpanLimits = {
  readonly spans: number;
  readonly bytes: number;
  /** Of one trace: one that never ends must not remove all the others. */
  readonly spansOfATrace: number;
};

/** About an hour of a shop that a person tries out, or a minute of a load test. */
export const usualLimits: SpanLimits = { spans: 50_000, bytes: 64 * 1024 * 1024, spansOfATrace: 10_000 };

/** The spans of some traces, and of the traces that belong to them. */
export type FoundTraces = {
  readonly spans: readonly SentSpan[];
  /** How many spans of these traces were not kept or are not in the answer. */
  readonly leftOut: number;
};

export type SpanStore = {
  add(spans: readonly SentSpan[]): void;
  /**
   * Returns the spans of these traces and of what was done for them in traces of their own: a batch of several orders has one
   * trace, which can have only one parent, so its first span links to each order's. Of more than the limits, the earliest.
   */
  find(traceIds: readonly string[], limits: { readonly spans: number; readonly bytes: number }): FoundTraces;
  /** The memory that is taken, at most that of the limits. */
  size(): { readonly traces: number; readonly spans: number; readonly bytes: number };
};

/** Keeps the last spans in memory. The trace to which nothing was added for the longest time goes first. */
export function createSpanStore(limits: SpanLimits = usualLimits): SpanStore {
  /** By id. The one that was added to last is at the end. */
  const traces = new Map<string, Trace>();
  let count = 0;
  let bytes = 0;

  function addOne(given: SentSpan): void {
    const known = traces.get(given.traceId);
    // An exporter sends spans again whose answer was lost.
    if (known?.spans.has(given.spanId) === true) {
      return;
    }
    const trace: Trace = known ?? { spans: new Map(), linkedTo: new Set(), bytes: bytesOfATrace, leftOut: 0 };
    if (known === undefined) {
      bytes += bytesOfATrace;
    }
    traces.delete(given.traceId);
    traces.set(given.traceId, trace);
    const span = bounded(given);
    const text = JSON.stringify(span);
    const size = sizeOf(text);
    if (trace.spans.size >= limits.spansOfATrace || trace.bytes + size > limits.bytes / 2) {
      trace.leftOut++;
      return;
    }
    trace.spans.set(span.spanId, { startMs: span.startMs, text });
    trace.bytes += size;
    bytes += size;
    count++;
    if (span.parentSpanId === "") {
      for (const link of span.links) {
        trace.linkedTo.add(link.traceId);
      }
    }
  }

  function removeOldest(): void {
    while (count > limits.spans || bytes > limits.bytes) {
      const [oldest] = traces;
      if (oldest === undefined) {
        return;
      }
      const [id, trace] = oldest;
      traces.delete(id);
      count -= trace.spans.size;
      bytes -= trace.bytes;
    }
  }

  /** Returns the ids with those of all traces whose first span links to one of them, or to one that was found so. */
  function withLinked(traceIds: readonly string[]): Set<string> {
    const linking = new Map<string, string[]>();
    for (const [id, { linkedTo }] of traces) {
      for (const member of linkedTo) {
        const ids = linking.get(member) ?? [];
        linking.set(member, ids);
        ids.push(id);
      }
    }
    const found = new Set(traceIds);
    // Iterating a Set also visits members added during the loop.
    for (const id of found) {
      for (const other of linking.get(id) ?? []) {
        found.add(other);
      }
    }
    return found;
  }

  return {
    add(spans) {
      for (const span of spans) {
        if (isTraceId(span.traceId) && isSpanId(span.spanId)) {
          addOne(span);
          removeOldest();
        }
      }
    },
    find(traceIds, limits) {
      const found = [...withLinked(traceIds)].flatMap((id) => traces.get(id) ?? []);
      const kept = found.flatMap(({ spans }) => [...spans.values()]).sort((a, b) => a.startMs - b.startMs);
      const spans: SentSpan[] = [];
      let room = limits.bytes;
      for (const { text } of kept.slice(0, limits.spans)) {
        room -= text.length;
        if (room < 0) {
          break;
        }
        spans.push(JSON.parse(text));
      }
      const leftOut = found.reduce((sum, trace) => sum + trace.leftOut, 0) + kept.length - spans.length;
      return { spans, leftOut };
    },
    size: () => ({ traces: traces.size, spans: count, bytes }),
  };
}

type Trace = {
  /** As JSON, by the span's id: its size is known, and it holds nothing of the request that it came in. */
  readonly spans: Map<string, { readonly startMs: number; readonly text: string }>;
  /** The traces that its first span links to. */
  readonly linkedTo: Set<string>;
  bytes: number;
  leftOut: number;
};

/** Returns true for an id of W3C Trace Context. Others are of no trace, and may be of any length. */
export function isTraceId(text: string): boolean {
  return /^[\da-f]{32}$/.test(text);
}

function isSpanId(text: string): boolean {
  return /^[\da-f]{16}$/.test(text);
}

/** The memory that a trace takes besides its spans. */
const bytesOfATrace = 500;

/** V8 has two bytes for a character of a text that is not Latin. The rest is what the maps need for an entry. */
function sizeOf(text: string): number {
  return 2 * text.length + 200;
}

/** In characters. */
const longest = { name: 200, value: 1_000 };
/** A batch has at most 1,000 orders. */
const most = { attributes: 64, links: 1_000, linkAttributes: 4 };

/** Cuts whatever a program may make as large as it likes. */
function bounded(span: SentSpan): SentSpan {
  return {
    ...span,
    service: truncate(span.service, longest.name),
    name: truncate(span.name, longest.name),
    statusMessage: truncate(span.statusMessage, longest.value),
    attributes: boundedAttributes(span.attributes, most.attributes),
    links: span.links
      .filter(({ traceId, spanId }) => isTraceId(traceId) && isSpanId(spanId))
      .slice(0, most.links)
      .map((link) => ({ ...link, attributes: boundedAttributes(link.attributes, most.linkAttributes) })),
  };
}

function boundedAttributes(attributes: SentSpan["attributes"], count: number): SentSpan["attributes"] {
  return Object.fromEntries(
    Object.entries(attributes)
      .slice(0, count)
      .map(([name, value]) => [
        truncate(name, longest.name),
        typeof value === "string" ? truncate(value, longest.value) : value,
      ]),
  );
}
