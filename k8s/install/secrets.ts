import { createHash, randomBytes } from "node:crypto";
import { deployedNames, partOf, serviceClients } from "../../scripts/shop.ts";
import { laptopUsers, operatorName } from "../../scripts/stack/users.ts";
import type { Context } from "./context.ts";
import { InstallError } from "./progress.ts";
import { ensureNamespace, shopsLabels } from "./temporal.ts";

/** The Secrets with a client secret, known to identity. */
function callersOf(forTrying: boolean): readonly string[] {
  return serviceClients.filter((name) => forTrying || partOf(name).inProduction !== false);
}

type Data = Record<string, string>;

/**
 * Creates the shop's Secrets. In dev and ci, missing keys get random values, and existing ones are never changed. In
 * production nothing is created: throws an InstallError that names the missing keys.
 */
export async function secrets(context: Context): Promise<void> {
  const { options, progress } = context;
  await ensureNamespace(context, options.namespace, shopsLabels);
  const there = await readAll(context);
  const wanted = wantedSecrets(there, options.profile !== "prod");
  const missing = Object.entries(wanted).flatMap(([name, data]) => {
    const keys = Object.keys(data).filter((key) => there[name]?.[key] === undefined);
    return keys.length === 0 ? [] : [{ name: `${options.release}-${name}`, keys, data }];
  });
  if (missing.length === 0) {
    progress.say("secrets: complete");
    return;
  }
  if (options.profile === "prod") {
    const lines = missing.map(({ name, keys }) => `  ${name}: ${keys.join(", ")}`);
    throw new InstallError(
      [
        `Secrets in the namespace ${options.namespace} lack these keys:`,
        ...lines,
        "In production, create them from your vault: k8s/README.md describes each of them. To see an example with random",
        "values, run the step in another namespace: --profile ci --only secrets --namespace example.",
      ].join("\n"),
    );
  }
  for (const { name, keys, data } of missing) {
    await write(context, name, Object.fromEntries(keys.map((key) => [key, data[key] ?? ""])));
  }
  progress.say(`secrets: created ${missing.map(({ name, keys }) => `${name} (${keys.join(", ")})`).join(", ")}`);
}

/** Returns every Secret with every key: the existing value or a new one. Names in `there` are without the release. */
export function wantedSecrets(there: Readonly<Record<string, Data>>, forTrying: boolean): Record<string, Data> {
  // While a secret is changed it is a list of two.
  const known: Record<string, string | string[]> = JSON.parse(there.identity?.SERVICE_CLIENT_SECRETS ?? "{}");
  const callers = callersOf(forTrying);
  const clientSecrets: Data = {};
  for (const name of callers) {
    clientSecrets[name] = there[name]?.SERVICE_CLIENT_SECRET ?? [known[name]].flat()[0] ?? random();
  }
  const client = (name: string): Data => ({ SERVICE_CLIENT_SECRET: clientSecrets[name] ?? random() });
  // With simulated providers, mail stays in the local mailbox.
  const mail: Data = forTrying ? {} : { SMTP_URL: "" };
  const own: Readonly<Record<string, Data>> = {
    payment: { PROVIDER_API_KEY: random(), PROVIDER_WEBHOOK_SECRET: random() },
    shipping: { CARRIER_API_KEY: random(), CARRIER_WEBHOOK_SECRET: random() },
    notifier: { UNSUBSCRIBE_SECRETS: random(), ...mail },
    identity: {
      KEY_ENCRYPTION_SECRET: random(),
      SERVICE_CLIENT_SECRETS: JSON.stringify(clientSecrets),
      ...(forTrying ? { SEED_USERS: JSON.stringify(laptopUsers) } : {}),
      ...mail,
    },
    audit: { username: "audit", password: random() },
    // The seed, the test checkout and the load sign in as the operator.
    ...(forTrying ? { tools: { OPERATOR_PASSWORD: operatorPassword(there.identity?.SEED_USERS) } } : {}),
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
  return revisionsOf(await readAll(context));
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

async function readAll({ cluster, options }: Context): Promise<Record<string, Data>> {
  const all = await cluster.list("secret", options.namespace);
  const prefix = `${options.release}-`;
  const ours = all.filter(({ metadata }) => metadata.name.startsWith(prefix));
  return Object.fromEntries(
    ours.map(({ metadata, data }) => [
      metadata.name.slice(prefix.length),
      Object.fromEntries(
        Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
      ),
    ]),
  );
}

// Pass secrets on standard input, because command lines are visible to every user of the machine.
async function write({ cluster, options }: Context, name: string, data: Data): Promise<void> {
  const metadata = {
    name,
    namespace: options.namespace,
    labels: {
      "app.kubernetes.io/part-of": "sagacart",
      "app.kubernetes.io/instance": options.release,
      // Makes CloudNativePG update the audit role when the password changes.
      ...(name.endsWith("-audit") ? { "cnpg.io/reload": "true" } : {}),
    },
  };
  await cluster.apply(JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata, stringData: data }));
}

/** Returns the password of the seeded operator. */
function operatorPassword(seedUsers: string | undefined): string {
  const users: readonly { readonly username: string; readonly password: string }[] =
    seedUsers === undefined ? laptopUsers : JSON.parse(seedUsers);
  return users.find(({ username }) => username === operatorName)?.password ?? "";
}

function random(): string {
  return randomBytes(24).toString("base64url");
}
