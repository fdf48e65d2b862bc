/** A span as the gateway has it. Ids are hex digits, times are ms since the epoch with a fraction. */
export type Span = {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: string;
  readonly startMs: number;
  readonly ms: number;
  readonly isError: boolean;
  readonly statusMessage: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
};

/** The spans of an order's traces, and how many more there were. */
export type Trace = { readonly spans: readonly Span[]; readonly leftOut: number };
