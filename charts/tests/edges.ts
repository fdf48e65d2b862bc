import { calleesOf, partNames } from "../../scripts/shop.ts";
import { type Manifest, ofKind } from "./render.ts";

/** Caller, callee and port: `worker → order:8081`. */
export type Edge = string;

/** Returns the edges of the table in scripts/shop.ts. */
export function edgesOfTable(): Set<Edge> {
  return new Set(
    partNames.flatMap((name) => calleesOf(name).map(({ name: callee, port }) => `${name} → ${callee}:${port}`)),
  );
}

/** Returns the edges between pods of the release that policies allow, from the caller's side (`Egress`) or the callee's. */
export function edgesOfPolicies(objects: readonly Manifest[], side: "Egress" | "Ingress"): Set<Edge> {
  const edges = new Set<Edge>();
  for (const { spec } of ofKind(objects, "NetworkPolicy")) {
    const self = nameOf(spec.podSelector);
    const rules: Manifest[] = (side === "Egress" ? spec.egress : spec.ingress) ?? [];
    for (const { ports = [], ...rule } of rules) {
      for (const peer of (side === "Egress" ? rule.to : rule.from) ?? []) {
        const other = peer.namespaceSelector === undefined ? nameOf(peer.podSelector) : undefined;
        if (self === undefined || other === undefined) continue;
        for (const { port } of ports) {
          edges.add(side === "Egress" ? `${self} → ${other}:${port}` : `${other} → ${self}:${port}`);
        }
      }
    }
  }
  return edges;
}

function nameOf(selector: Manifest): string | undefined {
  return selector?.matchLabels?.["app.kubernetes.io/name"];
}
