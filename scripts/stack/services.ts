import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  byName,
  type DatabaseName,
  type DeployedName,
  databaseNames,
  deployedNames,
  fakeNames,
  httpNames,
  partOf,
  portOf,
  type ServiceClient,
  serviceClients,
  serviceNames,
  servicesCalledBy,
} from "../shop.ts";
import { auditRole, servingRole } from "./databases.ts";
import { freePorts, loopback } from "./ports.ts";
import { laptopUsers } from "./users.ts";

/**
 * The default ports of the local shop. A part's first port has the part's name, a further one a suffix (`identity-http`).
 * SAGACART_<NAME>_PORT sets one, for example SAGACART_CARD_PROVIDER_PORT; SAGACART_PORT_OFFSET is added to all others. A
 * process with an RPC or HTTP port serves metrics and probes at that port + 1000.
 */
export const usualPorts = {
  ...byName([...deployedNames, ...fakeNames], portOf),
  "identity-http": portOf("identity", "http"),
  mailbox: portOf("notifier", "mailbox"),
  "worker-admin": portOf("worker"),
  postgres: 8432,
  temporal: 7233,
  "temporal-ui": 8233,
  // With --observe alone. OTLP's usual port, so that other programs' spans come here, too.
  traces: 4318,
};

export type PortName = keyof typeof usualPorts;
export type Ports = Readonly<Record<PortName, number>>;

const portNames = Object.keys(usualPorts).filter((name): name is PortName => name in usualPorts);

/** Reads the ports from the environment. Throws an error with a line for each invalid value. */
export function portsFromEnvironment(env: NodeJS.ProcessEnv): Ports {
  const wrong: string[] = [];
  const read = (variable: string, usual: number, lowest: number): number => {
    const text = env[variable];
    if (text === undefined || text === "") return usual;
    const value = Number(text);
    // Leaves room for the metrics port (+ 1000).
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

/** Returns free ports, so that tests can run several shops side by side. */
export async function someFreePorts(): Promise<Ports> {
  const free = await freePorts(portNames.length, { withAdminPort: true });
  return portsBy((name) => free[portNames.indexOf(name)] ?? 0);
}

function portsBy(port: (name: PortName) => number): Ports {
  return byName(portNames, port);
}

/** The inputs of the processes' environments. */
export type StackConfig = {
  readonly ports: Ports;
  readonly stateDirectory: string;
  readonly secrets: Secrets;
  /** The URL that a service connects to its database with. */
  readonly servingUrls: Readonly<Record<DatabaseName, string>>;
  readonly temporal: { readonly address: string; readonly namespace: string };
};

export type Service = {
  readonly name: string;
  /** The module that Node runs, relative to the root of the clone. */
  readonly entry: string;
  /** A module that Node loads first, in each thread. */
  readonly preload?: string;
  /** The RPC or HTTP port. A process without one has only its adminPort. */
  readonly port?: PortName;
  /** Undefined for the simulated providers, which are ready when they answer. */
  readonly adminPort?: (ports: Ports) => number;
  /** true: it serves the pages, and waits until they are built. */
  readonly servesPages?: boolean;
  /** true: a worker, which also waits for Temporal and the workflow bundle. The others wait only for Postgres. */
  readonly runsWorkflows?: boolean;
  /** The order of the shutdown: processes that receive requests first, those that others call last. */
  readonly stopsAt: 1 | 2 | 3 | 4;
  env(config: StackConfig): Readonly<Record<string, string>>;
};

/** The processes of the shop, besides Postgres and Temporal. */
export const services: readonly Service[] = [
  ...serviceNames.map(
    (name): Service => ({
      ...rpcOrHttp(name, 3),
      env: (config) => ({ DATABASE_URL: config.servingUrls[name], ...envOf(name, config) }),
    }),
  ),
  ...fakeNames.map(
    (name): Service => ({
      name,
      entry: entryOf(name),
      port: name,
      stopsAt: 4,
      // A file takes the place of the real provider's database.
      env: (config) => ({
        STATE_FILE: join(config.stateDirectory, `${name}.db`),
        ...envOf(name, config),
      }),
    }),
  ),
  {
    name: "worker",
    entry: entryOf("worker"),
    preload: "workflows/src/worker/lean-threads.ts",
    adminPort: (ports) => ports["worker-admin"],
    runsWorkflows: true,
    stopsAt: 2,
    env: (config) => envOf("worker", config),
  },
  ...httpNames.map(
    (name): Service => ({
      // The gateway first: it forwards requests to the others.
      ...rpcOrHttp(name, name === "gateway" ? 1 : 2),
      servesPages: name === "gateway",
      env: (config) => envOf(name, config),
    }),
  ),
];

function rpcOrHttp(name: DeployedName, stopsAt: Service["stopsAt"]) {
  return { name, entry: entryOf(name), port: name, adminPort: (ports: Ports) => ports[name] + 1000, stopsAt } as const;
}

function entryOf(name: string): string {
  const { folder, entry = `${folder}/src/main.ts` } = partOf(name);
  return entry;
}

/** Returns the addresses of the parts that a part calls, and its other variables. */
function envOf(name: string, config: StackConfig): Record<string, string> {
  const { ports } = config;
  const addresses = servicesCalledBy(name).map((callee) => [
    `${callee.toUpperCase()}_ADDRESS`,
    `${loopback}:${ports[callee]}`,
  ]);
  return { ...Object.fromEntries(addresses), ...settings.get(name)?.(config) };
}

/** The heap of the gateway, in MiB: that of charts/sagacart/values.yaml. */
export const gatewayHeap = "--max-old-space-size=224 --max-semi-space-size=8";

/** The variables of a part that the table in shop.ts does not imply. */
const settings = new Map<string, Service["env"]>(
  Object.entries({
    // A load test has one customer wait for payment with any number of orders, and all guests come from one address.
    order: () => ({
      UNPAID_ORDERS_PER_CUSTOMER: "0",
      UNPAID_UNITS_PER_CUSTOMER: "0",
      ANONYMOUS_WRITES_PER_NETWORK_AND_HOUR: "0",
      ANONYMOUS_BYTES_PER_NETWORK_AND_HOUR: "0",
      ANONYMOUS_WRITES_PER_HOUR: "0",
      ANONYMOUS_BYTES_PER_HOUR: "0",
      ANONYMOUS_UNPAID_ORDERS_PER_NETWORK_AND_HOUR: "0",
      ANONYMOUS_UNPAID_UNITS_PER_NETWORK_AND_HOUR: "0",
    }),
    payment: ({ ports, secrets }) => ({
      PROVIDER_URL: `http://${loopback}:${ports["card-provider"]}`,
      PROVIDER_API_KEY: secrets.cardProviderApiKey,
      PROVIDER_WEBHOOK_SECRET: secrets.cardProviderWebhookSecret,
    }),
    shipping: ({ ports, secrets }) => ({
      CARRIER_URL: `http://${loopback}:${ports.carrier}`,
      CARRIER_API_KEY: secrets.carrierApiKey,
      CARRIER_WEBHOOK_SECRET: secrets.carrierWebhookSecret,
    }),
    // It is also the local mail server: mail that it sends over SMTP arrives in its own mailbox.
    notifier: ({ ports, secrets }) => ({
      SMTP_URL: `smtp://${loopback}:${ports.mailbox}`,
      MAILBOX_SMTP_PORT: `${ports.mailbox}`,
      PUBLIC_URL: `http://${loopback}:${ports.gateway}`,
      UNSUBSCRIBE_SECRETS: secrets.unsubscribe,
      OPERATOR_EMAILS: "operators@sagacart.example",
      // Allow webhooks to programs on this machine; in production they never go to a private address.
      WEBHOOK_ALLOW_HTTP: "true",
      WEBHOOK_ALLOW_NETWORKS: "127.0.0.0/8,::1/128",
    }),
    identity: ({ ports, secrets }) => ({
      HTTP_PORT: `${ports["identity-http"]}`,
      ISSUER_URL: issuerUrl(ports),
      KEY_ENCRYPTION_SECRET: secrets.keyEncryptionSecret,
      SMTP_URL: `smtp://${loopback}:${ports.mailbox}`,
      SERVICE_CLIENT_SECRETS: JSON.stringify(secrets.serviceClients),
      OIDC_CLIENTS: JSON.stringify([docsClient(ports), webClient(ports)]),
      SEED_USERS: JSON.stringify(laptopUsers),
      SEED_WEAK_PASSWORDS: "true",
      // All local sign-ins come from one address, and all scripts sign in as the same few users.
      SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: "100000",
      REGISTRATIONS_FREE_PER_ADDRESS: "1000000",
      SESSIONS_PER_USER: "10000",
    }),
    "card-provider": ({ ports, secrets }) => ({
      API_KEY: secrets.cardProviderApiKey,
      WEBHOOK_SECRET: secrets.cardProviderWebhookSecret,
      WEBHOOK_URL: `http://${loopback}:${ports.gateway}/v1/provider-webhooks/card`,
    }),
    carrier: ({ ports, secrets }) => ({
      API_KEY: secrets.carrierApiKey,
      WEBHOOK_SECRET: secrets.carrierWebhookSecret,
      WEBHOOK_URL: `http://${loopback}:${ports.gateway}/v1/provider-webhooks/carrier`,
    }),
    worker: ({ temporal }) => ({ TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace }),
    gateway: ({ ports }) => ({
      // As in a pod: without a limit, V8 keeps hundreds of MiB of garbage before it collects it.
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} ${gatewayHeap}`.trim(),
      IDENTITY_HTTP_URL: `http://${loopback}:${ports["identity-http"]}`,
      SURFACES_URL: `http://${loopback}:${ports.surfaces}`,
      SIMULATED_PROVIDERS: "true",
      TEMPORAL_UI_URL: `http://localhost:${ports["temporal-ui"]}`,
      // A local load test is one caller, from one address.
      WRITES_PER_MINUTE: "600000",
      SIGN_INS_PER_MINUTE: "6000",
      MAX_CONNECTIONS_PER_ADDRESS: "0",
      BODY_BYTES_PER_CALLER: "0",
      REQUESTS_PER_CALLER: "0",
      REQUESTS_AT_A_TIME: "0",
      STREAMS_PER_CALLER: "0",
      MAX_STREAMS_PER_CONNECTION: "1000",
    }),
  } satisfies Readonly<Record<string, Service["env"]>>),
);

/** Returns the variables with which a process verifies tokens and gets its own, if it does. */
export function tokenEnv(
  { ports, secrets }: Pick<StackConfig, "ports" | "secrets">,
  name: string,
): Readonly<Record<string, string>> {
  const secret = new Map(Object.entries(secrets.serviceClients)).get(name);
  const identity = `http://${loopback}:${ports["identity-http"]}`;
  const ownToken =
    secret === undefined
      ? {}
      : {
          AUTH_TOKEN_URL: `${identity}/oidc/token`,
          SERVICE_CLIENT_ID: name,
          SERVICE_CLIENT_SECRET: secret,
        };
  return {
    AUTH_ISSUER: issuerUrl(ports),
    AUTH_JWKS_URL: `${identity}/oidc/jwks`,
    AUTH_REVOCATIONS_URL: `${identity}/revocations`,
    ...ownToken,
  };
}

/** Returns the token issuer: the gateway's address as a browser sees it. */
function issuerUrl(ports: Ports): string {
  return `http://localhost:${ports.gateway}`;
}

/** Returns the OpenID client of the API's documentation page, which lets users sign in. */
function docsClient(ports: Ports) {
  const page = `${issuerUrl(ports)}/docs`;
  return {
    client_id: "docs",
    client_name: "API documentation",
    scopes: ["openid", "roles", "account"],
    redirect_uris: [`${page}/static/oauth2-redirect.html`],
    post_logout_redirect_uris: [page],
  };
}

/** Returns the OpenID client of the pages. */
function webClient(ports: Ports) {
  const origin = issuerUrl(ports);
  return {
    client_id: "sagacart-web",
    client_name: "Sagacart",
    scopes: ["openid", "profile", "email", "roles", "account"],
    redirect_uris: [`${origin}/shop/signed-in`],
    post_logout_redirect_uris: [`${origin}/`],
  };
}

/** Lists every port, metrics ports included, with the process that needs it: for the check before the start. */
export function wantedPorts(
  ports: Ports,
  which: readonly Service[],
  { temporal, observe = false }: { temporal: "ours" | "elsewhere"; observe?: boolean },
) {
  const wanted = [{ port: ports.postgres, by: `Postgres (${portVariable("postgres")})` }];
  if (temporal === "ours") {
    wanted.push({ port: ports.temporal, by: `Temporal (${portVariable("temporal")})` });
    wanted.push({ port: ports["temporal-ui"], by: `Temporal's web UI (${portVariable("temporal-ui")})` });
  }
  if (observe) wanted.push({ port: ports.traces, by: `the traces (${portVariable("traces")})` });
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

export type Secrets = {
  readonly passwords: Readonly<Record<string, string>>;
  /** The client secrets with which programs of the shop get their tokens. */
  readonly serviceClients: Readonly<Record<ServiceClient, string>>;
  /** Encrypts identity's signing keys. */
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
    passwords: Object.fromEntries(
      [...databaseNames, ...databaseNames.map(servingRole), auditRole].map((role) => [role, secret()]),
    ),
    serviceClients: byName(serviceClients, secret),
    keyEncryptionSecret: secret(),
    cardProviderApiKey: secret(),
    cardProviderWebhookSecret: secret(),
    carrierApiKey: secret(),
    carrierWebhookSecret: secret(),
    unsubscribe: secret(),
  };
}
