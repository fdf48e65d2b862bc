import { type KubeObject, ReadError } from "./cluster.ts";
import type { Context } from "./context.ts";
import { InstallError } from "./progress.ts";
import { condition, conditionOf } from "./ready.ts";
import { secretRevisions } from "./secrets.ts";
import { createServingSecrets, renderedShop } from "./serving-secrets.ts";
import { shopChart } from "./shop-chart.ts";

/** Installs the shop's chart with the values of the profile, and prints what is missing while helm waits. */
export async function shop(context: Context): Promise<void> {
  const { cluster, options, progress } = context;
  const { namespace, release } = options;
  await untilEarlierIsGone(context);
  progress.say(`${release}: installing charts/sagacart into ${namespace}`);
  // Without the step `secrets`, a shop of a version without these roles would lack their Secrets.
  await createServingSecrets(context, await renderedShop(context));
  const { args, input } = await shopChart(context, await secretRevisions(context));
  const missing = await watchMissing(context);
  await runAndReport(context, missing, (signal) =>
    cluster.helm(
      ["upgrade", "--install", release, ...args, "-n", namespace, "--create-namespace", "--wait", "--timeout", "20m"],
      { input, signal },
    ),
  );
  // Helm 3 does not wait for the objects of operators.
  await progress.wait({
    what: "the shop",
    limitSeconds: 900,
    check: async () => (await missing()).at(0),
    help: `kubectl --context ${cluster.context} -n ${namespace} get pods,clusters.postgresql.cnpg.io,workerdeployments`,
  });
}

/**
 * Waits until the objects of operators that an uninstallation left behind are gone: what is applied over an object that is
 * being deleted is deleted with it.
 */
export async function untilEarlierIsGone({
  cluster,
  options,
  progress,
}: Pick<Context, "cluster" | "progress"> & {
  readonly options: Pick<Context["options"], "namespace" | "release">;
}): Promise<void> {
  const { namespace, release } = options;
  const worker = `${release}-worker`;
  await progress.wait({
    what: "the end of an earlier uninstallation",
    limitSeconds: 900,
    async check() {
      const kinds = ["workerdeployments.temporal.io", "connections.temporal.io", "clusters.postgresql.cnpg.io"];
      const lists = await Promise.all(
        kinds.map((kind) => cluster.list(kind, namespace, `app.kubernetes.io/instance=${release}`)),
      );
      const ending = lists.flatMap((list, index) =>
        list
          .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
          .map(({ metadata }) => `${kinds[index]}/${metadata.name}`),
      );
      return ending.length === 0 ? undefined : `${ending.join(", ")} Terminating`;
    },
    help: [
      "The Worker Controller deletes a version once Temporal has seen no poller of it for some minutes. End its pods:",
      `kubectl --context ${cluster.context} -n ${namespace} scale deployment -l temporal.io/deployment-name=${worker} --replicas=0`,
      `If Temporal is gone: npm run cluster:uninstall -- --context ${cluster.context} --namespace ${namespace} --release ${release} --temporal-is-gone`,
    ].join("\n"),
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
      const line = ended ? said : await missing().then((lacks) => lacks.join("; "), orUnknown(said));
      if (line !== said && line !== "") progress.say(`waiting for ${line}`);
      said = line;
    }
  };
  const watching = watch().catch((error: unknown) => giveUp.abort(error));
  try {
    await end;
  } catch (error) {
    giveUp.signal.throwIfAborted();
    const lacks = await missing().catch(orUnknown([]));
    const message = error instanceof Error ? error.message : String(error);
    throw new InstallError(lacks.length === 0 ? message : `${message}\nMissing: ${lacks.join("; ")}`, {
      cause: error,
    });
  } finally {
    await watching;
  }
}

/** Answers an unanswered question of the cluster with what was known before: helm itself goes on. */
function orUnknown<T>(known: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof ReadError) return known;
    throw error;
  };
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
