/** A span's attributes, by OpenTelemetry's names if there is one. Ids and codes, never personal data. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export type Link = { readonly traceparent: string; readonly attributes?: Attributes };

export type SpanOptions = {
  /** By default an internal span. */
  readonly kind?: "server" | "client" | "producer" | "consumer";
  /** The traceparent of its parent span; without one it begins a trace. */
  readonly parent?: string | undefined;
  readonly attributes?: Attributes;
  readonly links?: readonly Link[];
  /** When it began, in ms since the epoch; by default now. */
  readonly startMs?: number;
  /** Its id, if others know it already: 16 hex digits. */
  readonly spanId?: string;
};

export type Span = {
  /** For its child spans, in this process and others. */
  readonly traceparent: string;
  /** False if it is not sampled, and so never exported. */
  readonly recording: boolean;
  set(attributes: Attributes): void;
  link(link: Link): void;
  /** Ends the span; `error` is a code or a name, for one that failed. */
  end(error?: string): void;
};

export type Tracer = {
  start(name: string, options: SpanOptions): Span;
  /** The share of the traces that begin here to sample, from 0 to 1. */
  readonly ratio: number;
};
