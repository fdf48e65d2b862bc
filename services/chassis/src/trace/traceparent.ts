/**
 * Reads the header `traceparent` of W3C Trace Context, version 00: `00-<trace, 32 hex>-<span, 16 hex>-<flags>`. Returns
 * undefined for an invalid one, so that only this form is stored, logged and passed on. Of a later version, returns the
 * part that version 00 has.
 */
export function readTraceparent(header: string | null | undefined): string | undefined {
  if (header === null || header === undefined || !pattern.test(header)) {
    return undefined;
  }
  if (header.startsWith("00")) {
    return header.length === length ? header : undefined;
  }
  return `00${header.slice(2, length)}`;
}

/** Reads the header `tracestate`, which is passed on unchanged. Returns undefined for an empty one or one over 512 characters. */
export function readTracestate(header: string | null | undefined): string | undefined {
  return header === null || header === undefined || header === "" || header.length > 512 ? undefined : header;
}

/** Returns true if the maker of this traceparent records the trace. */
export function isSampled(traceparent: string | undefined): traceparent is string {
  return traceparent !== undefined && (Number.parseInt(traceparent.charAt(length - 1), 16) & 1) === 1;
}

export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

export function spanIdOf(traceparent: string): string {
  return traceparent.slice(36, 52);
}

export function toTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

const length = 55;
const pattern = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:-|$)/;
