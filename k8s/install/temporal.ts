import { readFile } from "node:fs/promises";
import versions from "../versions.json" with { type: "json" };
import type { Context } from "./context.ts";
import { InstallError } from "./progress.ts";
import { conditionOf, deploymentReady } from "./ready.ts";

const { namespace } = versions.charts.temporal;
const folder = new URL("../temporal/", import.meta.url);

/**
 * Installs Temporal on a CloudNativePG database: first the databases and their Secret, which the chart's schema job
 * needs before the release; then the server; then the shop's namespace in Temporal.
 */
export async function temporal(context: Context): Promise<void> {
  const { cluster, options, progress } = context;
  await ensureNamespace(context, namespace);
  await database(context);
  const { temporal: how } = options;
  if (how === "small" && options.profile === "prod") {
    throw new InstallError(
      "--temporal small is a single pod, which production must not use. Use the chart, or --skip temporal for an external one.",
    );
  }
  if (how === "small") {
    progress.say("temporal: a single pod (k8s/temporal/small.yaml) instead of its chart");
    await cluster.apply(await text("small.yaml"), namespace);
    await deploymentReady(context, "temporal", namespace);
  } else {
    if (options.profile === "prod") await protect(context);
    await chart(context);
  }
  await shopsNamespace(context);
}

/** Creates the certificates that production's values require, and the network policies of Temporal's namespace. */
async function protect({ cluster, options, progress }: Context): Promise<void> {
  await ensureNamespace({ cluster, options, progress }, options.namespace, shopsLabels);
  const filled = async (file: string) => fillIn(await text(file), { SHOP_NAMESPACE: options.namespace });
  // Their objects say their namespaces themselves.
  await cluster.apply(await filled("network-policy-prod.yaml"));
  await cluster.apply(await filled("tls-prod.yaml"));
  await progress.wait({
    what: "Temporal's certificates",
    limitSeconds: 180,
    async check() {
      const secrets = [
        await cluster.find("secret", "temporal-tls", namespace),
        await cluster.find("secret", "temporal-client-tls", options.namespace),
      ];
      return secrets.includes(undefined) ? "not issued" : undefined;
    },
    help: `kubectl --context ${cluster.context} get certificates,clusterissuers -A`,
  });
}

/** The labels of the shop's namespace. */
export const shopsLabels = { "pod-security.kubernetes.io/enforce": "restricted" };

/** How long Temporal keeps the histories of ended workflows in production. */
export const prodRetention = "720h";

/** The options by which Temporal's CLI finds the certificates that the Job mounts. */
export const tlsFlags = ["ca-path ca.crt", "cert-path tls.crt", "key-path tls.key"]
  .map((flag) => `--tls-${flag.replace(" ", " /etc/temporal/tls/")}`)
  .join(" ");

async function database({ cluster, options, progress }: Context): Promise<void> {
  await cluster.apply(await text(options.profile === "prod" ? "database-prod.yaml" : "database-dev.yaml"), namespace);
  await progress.wait({
    what: "Temporal's databases",
    limitSeconds: 600,
    async check() {
      const found = await cluster.find("clusters.postgresql.cnpg.io", "temporal-db", namespace);
      if (conditionOf(found, "Ready")?.status !== "True") return String(found?.status?.phase ?? "not started");
      const visibility = await cluster.find("databases.postgresql.cnpg.io", "temporal-visibility", namespace);
      if (visibility?.status?.applied !== true)
        return `temporal_visibility: ${visibility?.status?.message ?? "not applied"}`;
      const secret = await cluster.find("secret", "temporal-db-app", namespace);
      return secret === undefined ? "no Secret temporal-db-app" : undefined;
    },
    help: `kubectl --context ${cluster.context} -n ${namespace} describe cluster temporal-db`,
  });
}

async function chart({ cluster, options, progress }: Context): Promise<void> {
  const { repository, chart: name, version } = versions.charts.temporal;
  progress.say(`temporal: installing its chart ${version}; its schema job takes a minute`);
  const sizes = options.profile === "prod" ? "values-prod.yaml" : "values-dev.yaml";
  const prometheus = await cluster.find("crd", "servicemonitors.monitoring.coreos.com");
  await cluster.helm([
    ...["upgrade", "--install", "temporal", name, "--repo", repository],
    ...["--version", version, "-n", namespace, "--wait", "--timeout", "15m"],
    ...["-f", path("values.yaml"), "-f", path(sizes)],
    ...["--set", `server.metrics.serviceMonitor.enabled=${prometheus !== undefined}`],
  ]);
}

// A job instead of the chart creates the namespace, so that a second shop can have its own on the same Temporal.
async function shopsNamespace({ cluster, options, progress }: Context): Promise<void> {
  const manifest = fillIn(await text("namespace/job.yaml"), {
    TEMPORAL_NAMESPACE: options.temporalNamespace,
    TLS_FLAGS: options.profile === "prod" ? tlsFlags : "",
    RETENTION: options.profile === "prod" ? prodRetention : "72h",
  });
  // A Job is immutable: delete the one of an earlier run.
  await cluster.kubectl(["-n", namespace, "delete", "job", "temporal-namespace", "--ignore-not-found", "--wait"]);
  await cluster.apply(manifest, namespace);
  await progress.wait({
    what: `Temporal's namespace ${options.temporalNamespace}`,
    limitSeconds: 180,
    async check() {
      const job = await cluster.find("job", "temporal-namespace", namespace);
      const failed = conditionOf(job, "Failed");
      return conditionOf(job, "Complete")?.status === "True" ? undefined : (failed?.message ?? "its job is running");
    },
    help: `kubectl --context ${cluster.context} -n ${namespace} logs job/temporal-namespace`,
  });
}

/** Replaces each `${NAME}` of a manifest by the value of that name, as Flux does. Throws if there is none. */
export function fillIn(manifest: string, values: Readonly<Record<string, string>>): string {
  return manifest.replaceAll(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for \${${name}}`);
    return value;
  });
}

/**
 * Creates a Kubernetes namespace with labels, or updates the labels. Waits for the end of one that is being deleted, in which
 * nothing can be created.
 */
export async function ensureNamespace(
  { cluster, progress }: Context,
  name: string,
  labels?: Readonly<Record<string, string>>,
): Promise<void> {
  await progress.wait({
    what: `the deletion of the namespace ${name}`,
    limitSeconds: 900,
    async check() {
      const found = await cluster.find("namespace", name);
      return found?.metadata.deletionTimestamp === undefined ? undefined : "Terminating";
    },
    help: `kubectl --context ${cluster.context} get namespace ${name} -o yaml says what it waits for.`,
  });
  await cluster.apply(JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }));
}

function path(file: string): string {
  return new URL(file, folder).pathname;
}

function text(file: string): Promise<string> {
  return readFile(new URL(file, folder), "utf8");
}
