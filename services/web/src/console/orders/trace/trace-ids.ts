import type { OrderChange } from "@sagacart/proto/order/v1/order";

/** The gateway takes this many. An order that was changed more often shows its first traces. */
const mostIds = 50;

/** Returns the traces of an order's changes, the first first. */
export function traceIdsOf(changes: readonly OrderChange[]): string[] {
  return [...new Set(changes.map(({ traceId }) => traceId).filter((id) => id !== ""))].slice(0, mostIds);
}

/** Returns the address of a trace in Jaeger, Tempo or Grafana. */
export function traceUrl(template: string, traceId: string): string {
  return template.replaceAll("{traceId}", encodeURIComponent(traceId));
}
