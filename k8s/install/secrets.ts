import { createHash } from "node:crypto";
import { deployedNames, isInProduction, serviceClients } from "../../scripts/shop.ts";
import { laptopUsers, operatorName } from "../../scripts/stack/users.ts";
import type { KubeObject } from "./cluster.ts";
import type { Context } from "./context.ts";
import { neededSecrets } from "./needed-secrets.ts";
import { InstallError } from "./progress.ts";
import { randomSecret } from "./random-secret.ts";
import { createServingSecrets, renderedShop } from "./serving-secrets.ts";
import { ensureNamespace, shopsLabels } from "./temporal.ts";

/** The Secrets with a client secret, known to identity. */
function callersOf(forTrying: boolean): readonly string[] {
  return serviceClients.filter((name) => forTrying || isInProduction(name));
}

type Data = Record<string, string>;

/**
 * Creates the shop's Secrets. In dev and ci, missing keys and missing clients get random values, and what is there is never
 * changed: an existing Secret is only added to, and only if it is still as it was read. In production nothing is created but
 * the passwords of the roles that services connect with: throws an InstallError that names what the pods will look for and
 * not find.
 */
export async function secrets(context: Context): Promise<void> {
  const { options, progress } = context;
  await ensureNamespace(context, options.namespace, shopsLabels);
  const manifests = await renderedShop(context);
  const serving = await createServingSecrets(context, manifests);
  const objects = await readAll(context);
  if (options.profile === "prod") {
    checkAll(context, { manifests, objects });
    progress.say(`secrets: ${serving.length === 0 ? "complete" : `created ${serving.join(", ")}`}`);
    return;
  }
  const there = Object.fromEntries(
    ofRelease(objects, options.release).map(([name, { data }]) => [name, decoded(data)]),
  );
  const additions = missingOf(there, wantedSecrets(there, true));
  for (const { name, data } of additions) {
    await add(context, name, data, objects.get(`${options.release}-${name}`));
  }
  const created = [
    ...additions.map(({ name, data }) => `${options.release}-${name} (${Object.keys(data).join(", ")})`),
    ...serving,
  ];
  progress.say(`secrets: ${created.length === 0 ? "complete" : `created ${created.join(", ")}`}`);
}

/** Returns what to write: keys that are missing, and the list of clients' secrets if a client is missing in it. */
export function missingOf(
  there: Readonly<Record<string, Data>>,
  wanted: Readonly<Record<string, Data>>,
): readonly { name: string; data: Data }[] {
  return Object.entries(wanted).flatMap(([name, data]) => {
    const missing = Object.entries(data).filter(
      ([key, value]) => there[name]?.[key] === undefined || (key === clientsKey && there[name][key] !== value),
    );
    return missing.length === 0 ? [] : [{ name, data: Object.fromEntries(missing) }];
  });
}

const clientsKey = "SERVICE_CLIENT_SECRETS";

/** Throws an InstallError that names the Secrets and keys that the chart's pods refer to and that are not there. */
function checkAll(
  { options }: Context,
  { manifests, objects }: { manifests: string; objects: ReadonlyMap<string, KubeObject> },
): void {
  const lines = [...neededSecrets(manifests)].flatMap(([name, keys]) => {
    const data = objects.get(name)?.data;
    const missing = [...keys].filter((key) => data?.[key] === undefined);
    if (data === undefined) return [`  ${name}: ${missing.length === 0 ? "the Secret itself" : missing.join(", ")}`];
    return missing.length === 0 ? [] : [`  ${name}: ${missing.join(", ")}`];
  });
  const identity = decoded(objects.get(`${options.release}-identity`)?.data);
  const clients = identity[clientsKey] === undefined ? [] : missingClients(identity[clientsKey]);
  if (clients.length > 0) {
    lines.push(`  ${options.release}-identity: in ${clientsKey}, the clients ${clients.join(", ")}`);
  }
  if (lines.length > 0) {
    throw new InstallError(
      [
        `Secrets in the namespace ${options.namespace} lack these keys:`,
        ...lines,
        "In production, create them from your vault: k8s/README.md describes each of them. To see an example with random",
        "values, run the step in another namespace: --profile ci --only secrets --namespace example.",
      ].join("\n"),
    );
  }
}

function missingClients(known: string): readonly string[] {
  const names = Object.keys(clientsOf(known));
  return callersOf(false).filter((name) => !names.includes(name));
}

/** Reads the list of clients' secrets. Throws an InstallError if it is no JSON object. */
function clientsOf(json: string): Readonly<Record<string, unknown>> {
  try {
    const known: unknown = JSON.parse(json);
    if (typeof known === "object" && known !== null && !Array.isArray(known)) {
      return { ...known };
    }
  } catch {
    // Said below. The value itself is secret.
  }
  throw new InstallError(
    `${clientsKey} of identity's Secret is not a JSON object from clients' names to their secrets.`,
  );
}

/** Returns every Secret with every key: the existing value or a new one. Names in `there` are without the release. */
export function wantedSecrets(there: Readonly<Record<string, Data>>, forTrying: boolean): Record<string, Data> {
  const known = clientsOf(there.identity?.[clientsKey] ?? "{}");
  const callers = callersOf(forTrying);
  const clientSecrets: Record<string, string> = {};
  for (const name of callers) {
    const first = [known[name]].flat()[0];
    clientSecrets[name] = there[name]?.SERVICE_CLIENT_SECRET ?? (typeof first === "string" ? first : randomSecret());
  }
  const client = (name: string): Data => ({ SERVICE_CLIENT_SECRET: clientSecrets[name] ?? randomSecret() });
  // With simulated providers, mail stays in the local mailbox.
  const mail: Data = forTrying ? {} : { SMTP_URL: "" };
  const own: Readonly<Record<string, Data>> = {
    payment: { PROVIDER_API_KEY: randomSecret(), PROVIDER_WEBHOOK_SECRET: randomSecret() },
    shipping: { CARRIER_API_KEY: randomSecret(), CARRIER_WEBHOOK_SECRET: randomSecret() },
    notifier: { UNSUBSCRIBE_SECRETS: randomSecret(), ...mail },
    identity: {
      KEY_ENCRYPTION_SECRET: randomSecret(),
      [clientsKey]: JSON.stringify({ ...clientSecrets, ...known }),
      ...(forTrying ? { SEED_USERS: JSON.stringify(laptopUsers) } : {}),
      ...mail,
    },
    audit: { username: "audit", password: randomSecret() },
    // The seed, the test checkout and the load sign in as the operator.
    ...(forTrying ? { tools: operatorSecrets(there.identity?.SEED_USERS) } : {}),
  };
  return Object.fromEntries(
    [...new Set([...callers, ...Object.keys(own)])].map((name) => [
      name,
      { ...(callers.includes(name) ? client(name) : {}), ...own[name] },
    ]),
  );
}

/**
 * Returns the values that restart the pods whose Secret has changed since they were installed: a hash of each Secret. It
 * tells nothing about a weak secret in it, because each has a strong one besides.
 */
export async function secretRevisions(context: Context): Promise<Readonly<Record<string, unknown>>> {
  const ours = ofRelease(await readAll(context), context.options.release);
  return revisionsOf(Object.fromEntries(ours.map(([name, { data }]) => [name, decoded(data)])));
}

/** The same for these Secrets, whose names are without the release. */
export function revisionsOf(there: Readonly<Record<string, Data>>): Readonly<Record<string, unknown>> {
  const parts = [...deployedNames, "worker"].flatMap((name) => {
    const data = there[name];
    return data === undefined ? [] : [[name, hashOf(data)] as const];
  });
  return Object.fromEntries(
    parts.map(([name, revision]) => [
      name,
      name === "worker" ? { secretRevision: revision } : { secret: { revision } },
    ]),
  );
}

function hashOf(data: Data): string {
  const sorted = Object.entries(data).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}

async function readAll({ cluster, options }: Context): Promise<ReadonlyMap<string, KubeObject>> {
  const all = await cluster.list("secret", options.namespace);
  return new Map(all.map((object) => [object.metadata.name, object]));
}

/** Returns the release's objects by their names without the release. */
function ofRelease(
  objects: ReadonlyMap<string, KubeObject>,
  release: string,
): readonly (readonly [string, KubeObject])[] {
  const prefix = `${release}-`;
  return [...objects].flatMap(([name, object]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), object] as const] : [],
  );
}

function decoded(data: KubeObject["data"]): Data {
  return Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );
}

// Secrets are passed on standard input, because command lines are visible to every user of the machine. What is read again
// is the whole object with its resourceVersion, so that the cluster refuses the addition if the Secret has changed since.
async function add(
  { cluster, options }: Context,
  name: string,
  data: Data,
  there: KubeObject | undefined,
): Promise<void> {
  if (there !== undefined) {
    await cluster.kubectl(["replace", "-f", "-"], JSON.stringify({ ...there, stringData: data }));
    return;
  }
  const metadata = {
    name: `${options.release}-${name}`,
    namespace: options.namespace,
    labels: {
      "app.kubernetes.io/part-of": "sagacart",
      "app.kubernetes.io/instance": options.release,
      // Makes CloudNativePG update the audit role when the password changes.
      ...(name === "audit" ? { "cnpg.io/reload": "true" } : {}),
    },
  };
  await cluster.kubectl(
    ["create", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata, stringData: data }),
  );
}

/** Returns what the seeded operator signs in with: the password, and the secret of the authenticator app if there is one. */
function operatorSecrets(seedUsers: string | undefined): Data {
  const users: readonly { readonly username: string; readonly password: string; readonly totp_secret?: string }[] =
    seedUsers === undefined ? laptopUsers : JSON.parse(seedUsers);
  const { password = "", totp_secret } = users.find(({ username }) => username === operatorName) ?? {};
  return { OPERATOR_PASSWORD: password, ...(totp_secret === undefined ? {} : { OPERATOR_TOTP_SECRET: totp_secret }) };
}
