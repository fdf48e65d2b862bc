/**
 * The parts of the shop. The launcher, images, chart tests, installer, audit, demo and docs read this table; shop.test.ts
 * compares the chart's YAML with it.
 */
export const parts = {
  order: {
    kind: "service",
    folder: "services/order",
    ports: { grpc: 8081 },
    database: "audited",
    calls: ["stock", "payment", "identity", "identity:http"],
  },
  stock: {
    kind: "service",
    folder: "services/stock",
    ports: { grpc: 8082 },
    database: "audited",
    calls: ["identity:http"],
  },
  payment: {
    kind: "service",
    folder: "services/payment",
    ports: { grpc: 8083 },
    database: "audited",
    calls: ["card-provider", "identity", "identity:http"],
  },
  shipping: {
    kind: "service",
    folder: "services/shipping",
    ports: { grpc: 8084 },
    database: "audited",
    calls: ["order", "carrier", "identity", "identity:http"],
  },
  notifier: {
    kind: "service",
    folder: "services/notifier",
    ports: { grpc: 8085, mailbox: 8025 },
    database: "audited",
    calls: ["order", "identity", "identity:http"],
  },
  identity: {
    kind: "service",
    folder: "services/identity",
    ports: { grpc: 8086, http: 8096 },
    // Users, passwords and keys are outside the audit.
    database: "private",
    calls: ["notifier:mailbox"],
  },
  worker: {
    kind: "worker",
    folder: "workflows",
    ports: { admin: 9090 },
    calls: ["order", "stock", "payment", "shipping", "identity:http"],
  },
  gateway: {
    kind: "http",
    folder: "services/gateway",
    ports: { http: 8080 },
    calls: ["order", "stock", "payment", "shipping", "notifier", "identity", "identity:http", "surfaces"],
  },
  surfaces: {
    kind: "http",
    folder: "services/surfaces",
    ports: { http: 8087 },
    calls: ["order", "stock", "payment", "shipping", "identity", "identity:http"],
    inProduction: false,
  },
  // Simulated external providers, on a laptop and in clusters with global.world.enabled.
  "card-provider": {
    kind: "fake",
    folder: "services/payment",
    entry: "services/payment/src/card-provider/fake/main.ts",
    ports: { http: 8091 },
    calls: ["gateway"],
  },
  carrier: {
    kind: "fake",
    folder: "services/shipping",
    entry: "services/shipping/src/carrier/fake/main.ts",
    ports: { http: 8092 },
    calls: ["gateway"],
  },
} as const satisfies Readonly<Record<string, Part>>;

export type Part = {
  /** service: RPCs. http: HTTP, without a database. worker: runs workflows. fake: simulates an external provider. */
  readonly kind: "service" | "http" | "worker" | "fake";
  readonly folder: string;
  /** The module that Node runs. Default: src/main.ts of the folder. */
  readonly entry?: string;
  /** The default ports, locally and in a cluster. Metrics are at the first one + 1000, or at `admin`. */
  readonly ports: Readonly<Record<string, number>>;
  /** audited: the audit reads it. private: it cannot. */
  readonly database?: "audited" | "private";
  /** The parts that it calls, at their first or a named port: `stock`, `identity:http`. */
  readonly calls: readonly string[];
  /** false: the chart refuses it in production. */
  readonly inProduction?: false;
};

export type PartName = keyof typeof parts;
type PartNameWith<Shape> = {
  [Name in PartName]: (typeof parts)[Name] extends Shape ? Name : never;
}[PartName];
/** The parts with RPCs. All have a database. */
export type ServiceName = PartNameWith<{ kind: "service" }>;
export type DatabaseName = PartNameWith<{ database: string }>;
export type AuditedDatabase = PartNameWith<{ database: "audited" }>;
/** The parts that the chart `service` deploys. The alias and the image have the part's name. */
export type DeployedName = PartNameWith<{ kind: "service" | "http" }>;

/** Programs of the tools image that call parts. They run beside the shop, and nothing calls them. */
export const tools = {
  audit: { calls: ["order", "identity:http"] },
  seed: { calls: ["gateway"] },
} as const satisfies Readonly<Record<string, Pick<Part, "calls">>>;

export const partNames: readonly PartName[] = namesOf(() => true);
export const serviceNames: readonly ServiceName[] = namesOf(({ kind }) => kind === "service");
export const databaseNames: readonly DatabaseName[] = namesOf(({ database }) => database !== undefined);
export const auditedDatabases: readonly AuditedDatabase[] = namesOf(({ database }) => database === "audited");
export const deployedNames: readonly DeployedName[] = namesOf(({ kind }) => kind === "service" || kind === "http");
export const httpNames: readonly PartNameWith<{ kind: "http" }>[] = namesOf(({ kind }) => kind === "http");
export const fakeNames: readonly PartNameWith<{ kind: "fake" }>[] = namesOf(({ kind }) => kind === "fake");

/** Returns the first port of a part, or the named one. Throws if there is none. */
export function portOf(name: string, portName?: string): number {
  const { ports } = partOf(name);
  const port = portName === undefined ? Object.values(ports)[0] : ports[portName];
  if (port === undefined)
    throw new Error(`${name} has no port${portName === undefined ? "" : ` ${portName}`}: see scripts/shop.ts`);
  return port;
}

/** Returns the table's entry of a part. Throws if there is no part of this name. */
export function partOf(name: string): Part {
  const part = new Map<string, Part>(Object.entries(parts)).get(name);
  if (part === undefined) throw new Error(`the shop has no part ${name}: see scripts/shop.ts`);
  return part;
}

/** Returns the parts that a part calls, with their ports. */
export function calleesOf(name: string): { readonly name: string; readonly port: number }[] {
  return portsOf(partOf(name).calls);
}

/** Returns the names and ports of calls: `stock`, `identity:http`. */
export function portsOf(calls: readonly string[]): { readonly name: string; readonly port: number }[] {
  return calls.map((call) => {
    const [callee = "", port] = call.split(":");
    return { name: callee, port: portOf(callee, port) };
  });
}

/** Returns the port of a part's metrics and probes. */
export function adminPortOf(name: string): number {
  return partOf(name).ports.admin ?? portOf(name) + 1_000;
}

/** Returns the parts that a part calls by RPC. It needs `<NAME>_ADDRESS` of each, and a token. */
export function servicesCalledBy(name: string): ServiceName[] {
  return serviceNames.filter((service) => partOf(name).calls.includes(service));
}

/**
 * The programs that get tokens from identity: those that call services by RPC. Which methods each may call is in the
 * contract, in the option (sagacart.auth.v1.access). Seed, demo, bench and tests sign in as people.
 */
export type ServiceClient = PartClient | "audit";
type PartClient = Exclude<PartName, PartNameWith<{ kind: "fake" }> | "stock" | "identity">;
export const serviceClients: readonly ServiceClient[] = [
  ...namesOf<PartClient>(({ calls }) => serviceNames.some((service) => calls.includes(service))),
  "audit",
];

/** Returns true if production has this program, and its secret. */
export function isInProduction(client: ServiceClient): boolean {
  return client === "audit" || partOf(client).inProduction !== false;
}

/** Builds an object with a value for each name. */
export function byName<Name extends string, Value>(
  names: readonly Name[],
  value: (name: Name) => Value,
): Record<Name, Value> {
  // Each name has a value.
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, Value>;
}

function namesOf<Name extends PartName>(wanted: (part: Part) => boolean): readonly Name[] {
  const names = Object.entries<Part>(parts).flatMap(([name, part]) => (wanted(part) ? [name] : []));
  // `wanted` tests at run time what the type `Name` says.
  return names as Name[];
}
