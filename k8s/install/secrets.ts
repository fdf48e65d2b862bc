import { randomBytes } from "node:crypto";
import { partNames, partOf, servicesCalledBy } from "../../scripts/shop.ts";
import { laptopUsers } from "../../scripts/stack/users.ts";
import type { Context } from "./context.ts";
import { InstallError } from "./progress.ts";
import { ensureNamespace } from "./temporal.ts";

/** The Secrets with a client of their own at identity. */
function callersOf(forTrying: boolean): readonly string[] {
  const parts = partNames.filter((name) => forTrying || partOf(name).inProduction !== false);
  return [...parts.filter((name) => servicesCalledBy(name).length > 0), "tools"];
}

/** The Secret `tools` has the client `scripts`. */
const clientName = (secret: string) => (secret === "tools" ? "scripts" : secret);

type Data = Record<string, string>;

/**
 * The Secrets of the shop. In dev and ci, what is missing of them is made at random; what is there is never changed. In
 * production nothing is made: it throws what is missing, by name.
 */
export async function secrets(context: Context): Promise<void> {
  const { options, progress } = context;
  await ensureNamespace(context, options.namespace, { "pod-security.kubernetes.io/enforce": "restricted" });
  const there = await readAll(context);
  const wanted = wantedSecrets(there, options.profile !== "prod");
  const missing = Object.entries(wanted).flatMap(([name, data]) => {
    const keys = Object.keys(data).filter((key) => there[name]?.[key] === undefined);
    return keys.length === 0 ? [] : [{ name: `${options.release}-${name}`, keys, data }];
  });
  if (missing.length === 0) {
    progress.say("secrets: all there");
    return;
  }
  if (options.profile === "prod") {
    const lines = missing.map(({ name, keys }) => `  ${name}: ${keys.join(", ")}`);
    throw new InstallError(
      [
        `In the namespace ${options.namespace} these Secrets lack these keys:`,
        ...lines,
        "For production they are yours to make, from your vault: k8s/README.md says what each is. To see them made at",
        "random for once, run the step in another namespace: --profile ci --only secrets --namespace example.",
      ].join("\n"),
    );
  }
  for (const { name, keys, data } of missing) {
    await write(context, name, Object.fromEntries(keys.map((key) => [key, data[key] ?? ""])));
  }
  progress.say(`secrets: made ${missing.map(({ name, keys }) => `${name} (${keys.join(", ")})`).join(", ")}`);
}

/** Every Secret with every key: the value that is there, or a new one. `there` has no names before the dash. */
export function wantedSecrets(there: Readonly<Record<string, Data>>, forTrying: boolean): Record<string, Data> {
  const known: Data = JSON.parse(there.identity?.SERVICE_CLIENT_SECRETS ?? "{}");
  const callers = callersOf(forTrying);
  const clientSecrets: Data = {};
  for (const name of callers) {
    const client = clientName(name);
    clientSecrets[client] = there[name]?.SERVICE_CLIENT_SECRET ?? known[client] ?? random();
  }
  const client = (name: string): Data => ({ SERVICE_CLIENT_SECRET: clientSecrets[clientName(name)] ?? random() });
  // In the simulated providers, mail stays inside.
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
  };
  return Object.fromEntries(
    [...new Set([...callers, ...Object.keys(own)])].map((name) => [
      name,
      { ...(callers.includes(name) ? client(name) : {}), ...own[name] },
    ]),
  );
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

// By standard input: a command line can be seen by everybody on the machine.
async function write({ cluster, options }: Context, name: string, data: Data): Promise<void> {
  const metadata = {
    name,
    namespace: options.namespace,
    labels: {
      "app.kubernetes.io/part-of": "sagacart",
      "app.kubernetes.io/instance": options.release,
      // The databases' operator gives the audit's role a password that changed.
      ...(name.endsWith("-audit") ? { "cnpg.io/reload": "true" } : {}),
    },
  };
  await cluster.apply(JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata, stringData: data }));
}

function random(): string {
  return randomBytes(24).toString("base64url");
}
