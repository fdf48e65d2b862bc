/** The CloudEvents content mode of requests. */
export type ContentMode = "STRUCTURED" | "BINARY";

export type Circuit = "CLOSED" | "OPEN" | "HALF_OPEN";

/** The content of an endpoint that operators set. */
export type EndpointContent = {
  readonly url: string;
  readonly eventTypes: readonly string[];
  readonly description: string;
  readonly contentMode: ContentMode;
  readonly enabled: boolean;
};

export type Endpoint = EndpointContent & {
  readonly id: string;
  readonly disabledReason: string;
  readonly version: bigint;
  readonly circuit: Circuit;
  readonly failures: number;
  readonly failingSince: Date | null;
  readonly resumeTime: Date | null;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** Returns true if one of the patterns matches the type: the type itself, a prefix ("sagacart.order.*"), or "*". */
export function matchesType(patterns: readonly string[], type: string): boolean {
  return patterns.some(
    (pattern) =>
      pattern === "*" || pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1))),
  );
}

/** Compares the contents of two endpoints. */
export function sameContent(a: EndpointContent, b: EndpointContent): boolean {
  return (
    a.url === b.url &&
    a.description === b.description &&
    a.contentMode === b.contentMode &&
    a.enabled === b.enabled &&
    a.eventTypes.join() === b.eventTypes.join()
  );
}
