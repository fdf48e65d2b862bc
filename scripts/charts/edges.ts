import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cloneFolder, type Manifest, ofKind } from "./render.ts";

/** Who calls whom, and where: `worker → order:8081`. */
export type Edge = string;

/** Where each variable that is an address or a URL leads; undefined for those that the process tells others. */
const calls: Readonly<Record<string, string | undefined>> = {
  ORDER_ADDRESS: "order:8081",
  STOCK_ADDRESS: "stock:8082",
  PAYMENT_ADDRESS: "payment:8083",
  SHIPPING_ADDRESS: "shipping:8084",
  NOTIFIER_ADDRESS: "notifier:8085",
  IDENTITY_ADDRESS: "identity:8086",
  IDENTITY_HTTP_URL: "identity:8096",
  SURFACES_URL: "surfaces:8087",
  AUTH_JWKS_URL: "identity:8096",
  AUTH_TOKEN_URL: "identity:8096",
  PROVIDER_URL: "card-provider:8091",
  CARRIER_URL: "carrier:8092",
  SMTP_URL: "notifier:8025",
  WEBHOOK_URL: "gateway:8080",
  DATABASE_URL: "database",
  TEMPORAL_ADDRESS: "temporal",
  PUBLIC_URL: undefined,
  ISSUER_URL: undefined,
  RESET_URL: undefined,
};

/** Where each process reads its variables. */
const readers: Readonly<Record<string, readonly string[]>> = {
  order: service("order"),
  stock: service("stock"),
  payment: service("payment"),
  shipping: service("shipping"),
  notifier: service("notifier"),
  identity: service("identity"),
  gateway: ["services/gateway/src/config.ts", "services/chassis/src/auth/env.ts"],
  surfaces: service("surfaces"),
  worker: ["workflows/src/config.ts", "services/chassis/src/auth/env.ts"],
  "card-provider": ["services/payment/src/fake-provider/main.ts"],
  carrier: ["services/shipping/src/fake-carrier/main.ts"],
};

function service(name: string): string[] {
  return [`services/${name}/src/config.ts`, "services/chassis/src/auth/env.ts"];
}

/**
 * The edges that the code has, by the variables that each process reads. Throws where a variable is new: then `calls`
 * has to say where it leads, and the charts' table of edges too.
 */
export function edgesOfCode(): Set<Edge> {
  const edges = new Set<Edge>();
  for (const [process, files] of Object.entries(readers)) {
    for (const variable of files.flatMap(variablesOf)) {
      if (!(variable in calls)) throw new Error(`${process} reads ${variable}, and nobody says where that leads`);
      const to = calls[variable];
      if (to === undefined || to === "database" || to === "temporal") continue;
      // Each also listens to itself, and mail within the notifier stays there.
      if (to.split(":")[0] !== process) edges.add(`${process} → ${to}`);
    }
  }
  return edges;
}

function variablesOf(file: string): string[] {
  const text = readFileSync(join(cloneFolder, file), "utf8");
  const names = [...text.matchAll(/^\s+([A-Z_]+_(?:ADDRESS|URL)):/gm)].map(([, name = ""]) => name);
  // A number of attempts, for each address.
  return names.filter((name) => !name.endsWith("_PER_ADDRESS"));
}

/** The edges between the pods of the release that policies allow, on the side of the caller (`Egress`) or the callee. */
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
