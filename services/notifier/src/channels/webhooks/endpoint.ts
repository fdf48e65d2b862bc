/** How an event becomes a request. */
export type ContentMode = "STRUCTURED" | "BINARY";

export type Circuit = "CLOSED" | "OPEN" | "HALF_OPEN";

/** What people say about an endpoint. */
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

/** Whether one of these names the type: as it is, as what it begins with ("sagacart.order.*"), or "*". */
export function namesType(eventTypes: readonly string[], type: string): boolean {
  return eventTypes.some(
    (named) => named === "*" || named === type || (named.endsWith(".*") && type.startsWith(named.slice(0, -1))),
  );
}

/** Whether both say the same. */
export function sameContent(a: EndpointContent, b: EndpointContent): boolean {
  return (
    a.url === b.url &&
    a.description === b.description &&
    a.contentMode === b.contentMode &&
    a.enabled === b.enabled &&
    a.eventTypes.join() === b.eventTypes.join()
  );
}
