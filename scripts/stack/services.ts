import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type DatabaseName, databaseNames } from "./databases.ts";
import { freePorts, loopback } from "./ports.ts";
import { laptopUsers } from "./users.ts";

/**
 * Every port of the laptop's shop with its usual number. Each can be set by SAGACART_<NAME>_PORT, such as
 * SAGACART_ORDER_PORT or SAGACART_CARD_PROVIDER_PORT; SAGACART_PORT_OFFSET is added to all that are not set. A process
 * with an RPC or HTTP port has its metrics and probes at that port + 1000.
 */
export const usualPorts = {
  gateway: 8080,
  order: 8081,
  stock: 8082,
  payment: 8083,
  shipping: 8084,
  notifier: 8085,
  identity: 8086,
  surfaces: 8087,
  "identity-http": 8096,
  "card-provider": 8091,
  carrier: 8092,
  mailbox: 8025,
  "worker-admin": 9090,
  postgres: 8432,
  temporal: 7233,
  "temporal-ui": 8233,
} as const;

export type PortName = keyof typeof usualPorts;
export type Ports = Readonly<Record<PortName, number>>;

const portNames = Object.keys(usualPorts).filter((name): name is PortName => name in usualPorts);

/** Reads the ports from the environment; throws with a line for each that is no port. */
export function portsFromEnvironment(env: NodeJS.ProcessEnv): Ports {
  const wrong: string[] = [];
  const read = (variable: string, usual: number, lowest: number): number => {
    const text = env[variable];
    if (text === undefined || text === "") return usual;
    const value = Number(text);
    // A thousand is left for the port of the metrics.
    if (!Number.isInteger(value) || value < lowest || value > 64_535) {
      wrong.push(`${variable} is "${text}", but must be a whole number from ${lowest} to 64535.`);
    }
    return value;
  };
  const offset = read("SAGACART_PORT_OFFSET", 0, 0);
  const ports = portsBy((name) => read(portVariable(name), usualPorts[name] + offset, 1));
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
  return ports;
}

export function portVariable(name: PortName): string {
  return `SAGACART_${name.toUpperCase().replaceAll("-", "_")}_PORT`;
}

/** Ports that nobody listens on now, for tests: any number of shops side by side. */
export async function someFreePorts(): Promise<Ports> {
  const free = await freePorts(portNames.length, { withAdminPort: true });
  return portsBy((name) => free[portNames.indexOf(name)] ?? 0);
}

function portsBy(port: (name: PortName) => number): Ports {
  return {
    gateway: port("gateway"),
    order: port("order"),
    stock: port("stock"),
    payment: port("payment"),
    shipping: port("shipping"),
    notifier: port("notifier"),
    identity: port("identity"),
    surfaces: port("surfaces"),
    "identity-http": port("identity-http"),
    "card-provider": port("card-provider"),
    carrier: port("carrier"),
    mailbox: port("mailbox"),
    "worker-admin": port("worker-admin"),
    postgres: port("postgres"),
    temporal: port("temporal"),
    "temporal-ui": port("temporal-ui"),
  };
}

/** What the processes are told besides their ports. */
export type Surroundings = {
  readonly ports: Ports;
  readonly stateDirectory: string;
  readonly secrets: Secrets;
  readonly databaseUrls: Readonly<Record<DatabaseName, string>>;
  readonly temporal: { readonly address: string; readonly namespace: string };
};

export type Service = {
  readonly name: string;
  /** Run by Node, from the root of the clone. */
  readonly entry: string;
  /** A module for Node to load before that, in each thread. */
  readonly preload?: string;
  /** The one for RPC or HTTP; a process without one has only its adminPort. */
  readonly port?: PortName;
  /** Left out by the stand-ins for the world outside, which are ready when they answer at all. */
  readonly adminPort?: (ports: Ports) => number;
  /** A worker: started when Temporal and the workflows' bundle are there too. The others need only Postgres. */
  readonly runsWorkflows?: boolean;
  /** Stopped in this order: what takes requests in first, what others call last. */
  readonly stopsAt: 1 | 2 | 3 | 4;
  env(surroundings: Surroundings): Readonly<Record<string, string>>;
};

/** The processes of the shop, besides Postgres and Temporal. */
export const services: readonly Service[] = [
  service("order", ({ ports }) => ({ ...addresses(ports, "stock", "payment") })),
  service("stock", () => ({})),
  service("payment", ({ ports, secrets }) => ({
    PROVIDER_URL: `http://${loopback}:${ports["card-provider"]}`,
    PROVIDER_API_KEY: secrets.cardProviderApiKey,
    PROVIDER_WEBHOOK_SECRET: secrets.cardProviderWebhookSecret,
  })),
  service("shipping", ({ ports, secrets }) => ({
    ...addresses(ports, "order"),
    CARRIER_URL: `http://${loopback}:${ports.carrier}`,
    CARRIER_API_KEY: secrets.carrierApiKey,
    CARRIER_WEBHOOK_SECRET: secrets.carrierWebhookSecret,
  })),
  // It also is the laptop's mail server: what it sends over SMTP comes back into its own mailbox.
  service("notifier", ({ ports, secrets }) => ({
    ...addresses(ports, "order"),
    SMTP_URL: `smtp://${loopback}:${ports.mailbox}`,
    MAILBOX_SMTP_PORT: `${ports.mailbox}`,
    PUBLIC_URL: `http://${loopback}:${ports.gateway}`,
    UNSUBSCRIBE_SECRETS: secrets.unsubscribe,
    // Webhooks may go to programs on this machine: elsewhere never to a private address.
    WEBHOOK_ALLOW_HTTP: "true",
    WEBHOOK_ALLOW_NETWORKS: "127.0.0.0/8,::1/128",
  })),
  service("identity", ({ ports, secrets }) => ({
    HTTP_PORT: `${ports["identity-http"]}`,
    ISSUER_URL: issuerUrl(ports),
    KEY_ENCRYPTION_SECRET: secrets.keyEncryptionSecret,
    SMTP_URL: `smtp://${loopback}:${ports.mailbox}`,
    SERVICE_CLIENT_SECRETS: JSON.stringify(secrets.serviceClients),
    OIDC_CLIENTS: JSON.stringify([docsClient(ports)]),
    SEED_USERS: JSON.stringify(laptopUsers),
    // Whoever tries something here is behind one address.
    SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: "100000",
  })),
  world("card-provider", "services/payment/src/fake-provider/main.ts", ({ ports, secrets }) => ({
    API_KEY: secrets.cardProviderApiKey,
    WEBHOOK_SECRET: secrets.cardProviderWebhookSecret,
    WEBHOOK_URL: `http://${loopback}:${ports.gateway}/v1/provider-webhooks/card`,
  })),
  world("carrier", "services/shipping/src/fake-carrier/main.ts", ({ ports, secrets }) => ({
    API_KEY: secrets.carrierApiKey,
    WEBHOOK_SECRET: secrets.carrierWebhookSecret,
    WEBHOOK_URL: `http://${loopback}:${ports.gateway}/v1/provider-webhooks/carrier`,
  })),
  {
    name: "worker",
    entry: "workflows/src/main.ts",
    preload: "workflows/src/lean-threads.ts",
    adminPort: (ports) => ports["worker-admin"],
    runsWorkflows: true,
    stopsAt: 2,
    env: ({ ports, temporal }) => ({
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      ...addresses(ports, "order", "stock", "payment", "shipping"),
    }),
  },
  {
    name: "surfaces",
    entry: "services/surfaces/src/main.ts",
    port: "surfaces",
    adminPort: (ports) => ports.surfaces + 1000,
    stopsAt: 2,
    env: ({ ports }) => addresses(ports, "order", "stock", "payment", "shipping", "identity"),
  },
  {
    name: "gateway",
    entry: "services/gateway/src/main.ts",
    port: "gateway",
    adminPort: (ports) => ports.gateway + 1000,
    stopsAt: 1,
    env: ({ ports }) => ({
      ...addresses(ports, "order", "stock", "payment", "shipping", "notifier", "identity"),
      IDENTITY_HTTP_URL: `http://${loopback}:${ports["identity-http"]}`,
      SURFACES_URL: `http://${loopback}:${ports.surfaces}`,
      // A load script here is one caller, from one address.
      WRITES_PER_MINUTE: "600000",
      SIGN_INS_PER_MINUTE: "6000",
    }),
  },
];

/** By which a program of the shop verifies tokens, and gets its own; nothing for what is none of the shop's. */
export function tokenEnv(
  { ports, secrets }: Pick<Surroundings, "ports" | "secrets">,
  name: string,
): Readonly<Record<string, string>> {
  const secret = new Map(Object.entries(secrets.serviceClients)).get(name);
  const identity = `http://${loopback}:${ports["identity-http"]}`;
  return secret === undefined
    ? {}
    : {
        AUTH_ISSUER: issuerUrl(ports),
        AUTH_JWKS_URL: `${identity}/oidc/jwks`,
        AUTH_TOKEN_URL: `${identity}/oidc/token`,
        SERVICE_CLIENT_ID: name,
        SERVICE_CLIENT_SECRET: secret,
      };
}

/** Who makes the tokens: the address of the gateway, as a browser has it. */
function issuerUrl(ports: Ports): string {
  return `http://localhost:${ports.gateway}`;
}

/** The page on which the API can be tried signs people in, too. */
function docsClient(ports: Ports) {
  const page = `${issuerUrl(ports)}/docs`;
  return {
    client_id: "docs",
    client_name: "the pages of the API",
    redirect_uris: [`${page}/static/oauth2-redirect.html`],
    post_logout_redirect_uris: [page],
  };
}

function service(name: DatabaseName, env: Service["env"]): Service {
  return {
    name,
    entry: `services/${name}/src/main.ts`,
    port: name,
    adminPort: (ports) => ports[name] + 1000,
    stopsAt: 3,
    env: (surroundings) => ({ DATABASE_URL: surroundings.databaseUrls[name], ...env(surroundings) }),
  };
}

// A stand-in for somebody of the world outside. It remembers in a file, as the real one would in its own database.
function world(name: "card-provider" | "carrier", entry: string, env: Service["env"]): Service {
  return {
    name,
    entry,
    port: name,
    stopsAt: 4,
    env: (surroundings) => ({ STATE_FILE: join(surroundings.stateDirectory, `${name}.db`), ...env(surroundings) }),
  };
}

function addresses(ports: Ports, ...names: DatabaseName[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`${name.toUpperCase()}_ADDRESS`, `${loopback}:${ports[name]}`]));
}

/** Every port with the process that wants it, the ports + 1000 included, for the check before the start. */
export function wantedPorts(ports: Ports, which: readonly Service[], temporal: "ours" | "elsewhere") {
  const wanted = [{ port: ports.postgres, by: `Postgres (${portVariable("postgres")})` }];
  if (temporal === "ours") {
    wanted.push({ port: ports.temporal, by: `Temporal (${portVariable("temporal")})` });
    wanted.push({ port: ports["temporal-ui"], by: `Temporal's pages (${portVariable("temporal-ui")})` });
  }
  for (const { name, port, adminPort } of which) {
    const variable = portVariable(port ?? "worker-admin");
    if (port !== undefined) wanted.push({ port: ports[port], by: `${name} (${variable})` });
    const adminBy = port === undefined ? `${name} (${variable})` : `${name}'s metrics (${variable} + 1000)`;
    if (adminPort !== undefined) wanted.push({ port: adminPort(ports), by: adminBy });
    if (name === "notifier") wanted.push({ port: ports.mailbox, by: `the mailbox (${portVariable("mailbox")})` });
    if (name === "identity") {
      const by = `OpenID Connect (${portVariable("identity-http")})`;
      wanted.push({ port: ports["identity-http"], by });
    }
  }
  return wanted;
}

/** The programs that call others with a token of their own; `scripts` are the seed, the demo, the bench and the tests. */
export type ServiceClient = DatabaseName | "gateway" | "surfaces" | "worker" | "scripts";

export type Secrets = {
  readonly passwords: Readonly<Record<string, string>>;
  /** By which programs of the shop get their tokens. */
  readonly serviceClients: Readonly<Record<ServiceClient, string>>;
  /** What identity encrypts its signing keys with. */
  readonly keyEncryptionSecret: string;
  readonly cardProviderApiKey: string;
  readonly cardProviderWebhookSecret: string;
  readonly carrierApiKey: string;
  readonly carrierWebhookSecret: string;
  readonly unsubscribe: string;
};

export function makeSecrets(): Secrets {
  const secret = () => randomBytes(24).toString("base64url");
  return {
    passwords: Object.fromEntries([...databaseNames, "audit"].map((role) => [role, secret()])),
    serviceClients: {
      order: secret(),
      stock: secret(),
      payment: secret(),
      shipping: secret(),
      notifier: secret(),
      identity: secret(),
      gateway: secret(),
      surfaces: secret(),
      worker: secret(),
      scripts: secret(),
    },
    keyEncryptionSecret: secret(),
    cardProviderApiKey: secret(),
    cardProviderWebhookSecret: secret(),
    carrierApiKey: secret(),
    carrierWebhookSecret: secret(),
    unsubscribe: secret(),
  };
}
