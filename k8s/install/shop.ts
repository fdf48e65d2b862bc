import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { KubeObject } from "./cluster.ts";
import type { Context } from "./context.ts";
import { InstallError } from "./progress.ts";
import { condition, conditionOf } from "./ready.ts";
import { secretRevisions } from "./secrets.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Installs the shop's chart with the values of the profile, and prints what is missing while helm waits. */
export async function shop(context: Context): Promise<void> {
  const { cluster, options, progress } = context;
  const { namespace, release } = options;
  progress.say(`${release}: installing charts/sagacart into ${namespace}`);
  // The client certificate of the Temporal that the step `temporal` installs in production. Another Temporal is in the
  // owner's values.
  const temporalIsOurs = (await cluster.find("secret", "temporal-client-tls", namespace)) !== undefined;
  const args = [
    ...["upgrade", "--install", release, `${root}charts/sagacart`, "-n", namespace, "--create-namespace"],
    ...[
      "-f",
      `${root}k8s/profiles/${options.profile}.yaml`,
      "--set",
      `temporal.namespace=${options.temporalNamespace}`,
    ],
    // On standard input: the hashes of the Secrets, so that pods restart whose Secret has changed. Your values come after.
    ...["-f", "-"],
    ...(temporalIsOurs ? ["-f", `${root}k8s/temporal/shop-values-prod.yaml`] : []),
    ...options.values.flatMap((file) => ["-f", resolve(file)]),
    ...options.set.flatMap((value) => ["--set", value]),
    ...["--wait", "--timeout", "20m"],
  ];
  const input = JSON.stringify(await secretRevisions(context));
  const missing = await watchMissing(context);
  await runAndReport(context, missing, (signal) => cluster.helm(args, { signal, input }));
  // Helm 3 does not wait for the objects of operators.
  await progress.wait({
    what: "the shop",
    limitSeconds: 900,
    check: async () => (await missing()).at(0),
    help: `kubectl --context ${cluster.context} -n ${namespace} get pods,clusters.postgresql.cnpg.io,workerdeployments`,
  });
}

/** Lists what is not ready, as text. Throws if waiting is pointless. */
type Missing = () => Promise<readonly string[]>;

/** Runs helm and prints what is missing when that changes. Aborts helm if waiting is pointless. */
async function runAndReport(
  { progress }: Context,
  missing: Missing,
  helm: (signal: AbortSignal) => Promise<string>,
): Promise<void> {
  const giveUp = new AbortController();
  let ended = false;
  const end = helm(giveUp.signal).finally(() => {
    ended = true;
  });
  const watch = async () => {
    let said = "";
    while (!ended) {
      await Promise.race([end.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 3_000))]);
      const line = ended ? said : (await missing()).join("; ");
      if (line !== said && line !== "") progress.say(`waiting for ${line}`);
      said = line;
    }
  };
  const watching = watch().catch((error: unknown) => giveUp.abort(error));
  try {
    await end;
  } catch (error) {
    giveUp.signal.throwIfAborted();
    const lacks = await missing();
    const message = error instanceof Error ? error.message : String(error);
    throw new InstallError(lacks.length === 0 ? message : `${message}\nMissing: ${lacks.join("; ")}`, {
      cause: error,
    });
  } finally {
    await watching;
  }
}

function gateFailed({ cluster, options: { namespace, release } }: Context, version: string): InstallError {
  const where = `--context ${cluster.context} -n ${namespace}`;
  return new InstallError(
    [
      `The gate of the worker's new version ${version} failed. The current version keeps running, and no order is lost.`,
      "To see why:",
      `kubectl ${where} logs -l app.kubernetes.io/instance=${release},app.kubernetes.io/name=worker --tail 200`,
      "A version's gate runs once. Another image, or another annotation in worker.podAnnotations, makes a new version.",
    ].join("\n"),
  );
}

/**
 * Creates the check for what is not ready. It throws if the gate of a worker version has failed since it was created,
 * because the Worker Controller runs a gate once.
 */
async function watchMissing(context: Context): Promise<Missing> {
  const failedBefore = new Set(failedGates((await look(context)).workers));
  return async () => {
    const seen = await look(context);
    const failed = failedGates(seen.workers).find((version) => !failedBefore.has(version));
    if (failed !== undefined) throw gateFailed(context, failed);
    return notReady(seen);
  };
}

/** Returns the target versions of the worker whose gate has failed. */
function failedGates(workers: readonly KubeObject[]): readonly string[] {
  return workers.flatMap(({ status }) => {
    const target = status?.targetVersion as { buildID: string; testWorkflows?: { status: string }[] } | undefined;
    const ends = target?.testWorkflows?.filter(({ status }) => !["Running", "Completed", ""].includes(status ?? ""));
    return target !== undefined && (ends?.length ?? 0) > 0 ? [target.buildID] : [];
  });
}

type Seen = Readonly<Record<"databases" | "deployments" | "workers", readonly KubeObject[]>>;

async function look({ cluster, options: { namespace, release } }: Context): Promise<Seen> {
  const selector = `app.kubernetes.io/instance=${release}`;
  const [databases, deployments, workers] = await Promise.all([
    cluster.list("clusters.postgresql.cnpg.io", namespace, selector),
    cluster.list("deployments", namespace, selector),
    cluster.list("workerdeployments.temporal.io", namespace, selector),
  ]);
  return { databases, deployments, workers };
}

function notReady({ databases, deployments, workers }: Seen): readonly string[] {
  return [
    ...lacking("databases", databases, (one) => condition(one, "Ready") === "True"),
    ...lacking("Deployments", deployments, isAvailable),
    ...workers.flatMap((one) => {
      const ready = conditionOf(one, "Ready");
      const progressing = conditionOf(one, "Progressing");
      return ready?.status === "True"
        ? []
        : [`the WorkerDeployment ${one.metadata.name}: ${progressing?.reason ?? ready?.reason ?? "not started"}`];
    }),
  ];
}

function lacking(what: string, all: readonly KubeObject[], isReady: (one: KubeObject) => boolean): readonly string[] {
  const not = all.filter((one) => !isReady(one)).map(({ metadata }) => metadata.name);
  const more = not.length > 3 ? ` and ${not.length - 3} more` : "";
  return not.length === 0 ? [] : [`${not.length} of ${all.length} ${what} (${not.slice(0, 3).join(", ")}${more})`];
}

function isAvailable({ metadata, spec, status }: KubeObject): boolean {
  const wanted = Number(spec?.replicas ?? 1);
  const isSeen = Number(status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  return isSeen && Math.min(Number(status?.updatedReplicas ?? 0), Number(status?.availableReplicas ?? 0)) >= wanted;
}
