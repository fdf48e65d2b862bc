import { parseArgs } from "node:util";
import type { Cluster, KubeObject } from "./cluster.ts";
import type { Options } from "./options.ts";
import { InstallError, type Progress } from "./progress.ts";
import { untilEarlierIsGone } from "./shop.ts";

export type UninstallOptions = Pick<Options, "context" | "namespace" | "release"> & {
  /** Temporal is gone for good: do not wait until it has forgotten the worker's versions. */
  readonly isTemporalGone: boolean;
};

export const uninstallUsage = `usage: npm run cluster:uninstall -- [options]

Removes the shop's release from a Kubernetes cluster, and waits until it is gone, so that another one can be installed. Operators,
Temporal and Secrets stay, and so do the databases, unless databases.keep is false. It can be run again at any time.

  --context NAME        the context in the kubeconfig (the current one)
  --namespace NAME      the namespace of the shop (sagacart)
  --release NAME        the Helm release (sagacart)
  --temporal-is-gone    Temporal was removed before: release what waits for it
`;

/** Parses the command line. Throws an InstallError that says what is invalid. */
export function readUninstallOptions(args: readonly string[]): UninstallOptions | "help" {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        context: { type: "string" },
        namespace: { type: "string", default: "sagacart" },
        release: { type: "string", default: "sagacart" },
        "temporal-is-gone": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const { context, namespace, release, help } = values;
    return help ? "help" : { context, namespace, release, isTemporalGone: values["temporal-is-gone"] };
  } catch (error) {
    throw new InstallError(`${error instanceof Error ? error.message : String(error)}\n\n${uninstallUsage}`);
  }
}

type UninstallContext = {
  readonly cluster: Cluster;
  readonly options: UninstallOptions;
  readonly progress: Progress;
};

/**
 * Removes the release. First the worker's versions: while their pods poll, Temporal refuses to delete them, and the Worker
 * Controller keeps the WorkerDeployment, whose pods then run on. Their deletion is asked for before they are scaled down,
 * because until then the Worker Controller would scale them up again.
 */
export async function uninstall(context: UninstallContext): Promise<void> {
  const { cluster, options, progress } = context;
  const { namespace, release } = options;
  const worker = `${release}-worker`;
  if ((await cluster.find(kinds.worker, worker, namespace)) !== undefined) {
    progress.say(`${worker}: ending its versions`);
    await cluster.kubectl(["-n", namespace, "delete", kinds.worker, worker, "--wait=false", "--ignore-not-found"]);
    await versionsEnded(context, worker);
  }
  progress.say(`${release}: helm uninstall`);
  // The hook of the release does what was just done.
  await cluster.helm(["uninstall", release, "-n", namespace, "--ignore-not-found", "--no-hooks"]);
  // Hooks are not part of a release: the seed's job, and the pods of the tests.
  const ours = `app.kubernetes.io/instance=${release},app.kubernetes.io/part-of=sagacart`;
  await cluster.kubectl(["-n", namespace, "delete", "jobs,pods", "-l", `${ours},${hooks}`, "--wait=false"]);
  if (options.isTemporalGone) await releaseFromTemporal(context, worker);
  await untilEarlierIsGone(context);
  await sayWhatStays(context);
}

const kinds = {
  worker: "workerdeployments.temporal.io",
  connection: "connections.temporal.io",
  database: "clusters.postgresql.cnpg.io",
} as const;

const hooks =
  "app.kubernetes.io/name in (seed,test,test-public-url,audit,cleanup),app.kubernetes.io/component in (job,test)";

/** Scales the Deployments of all versions to 0, again if one comes up meanwhile, until no pod is left. */
async function versionsEnded({ cluster, options, progress }: UninstallContext, worker: string): Promise<void> {
  const { namespace } = options;
  const selector = `temporal.io/deployment-name=${worker}`;
  await progress.wait({
    what: "the worker's pods to end",
    limitSeconds: 300,
    async check() {
      const running = (await cluster.list("deployments", namespace, selector)).filter(isRunning);
      for (const { metadata } of running) {
        await cluster.kubectl(["-n", namespace, "scale", "deployment", metadata.name, "--replicas=0"]);
      }
      const pods = await cluster.list("pods", namespace, selector);
      return pods.length === 0 ? undefined : pods.map(({ metadata }) => metadata.name).join(", ");
    },
    help: `kubectl --context ${cluster.context} -n ${namespace} describe pods -l ${selector}`,
  });
}

function isRunning({ spec }: KubeObject): boolean {
  return spec?.replicas !== 0;
}

/** Removes the finalizers with which the Worker Controller waits for a Temporal that will not answer. */
async function releaseFromTemporal({ cluster, options }: UninstallContext, worker: string): Promise<void> {
  const { namespace, release } = options;
  for (const [kind, name] of [
    [kinds.worker, worker],
    [kinds.connection, `${release}-temporal`],
  ] as const) {
    if ((await cluster.find(kind, name, namespace)) === undefined) continue;
    const patch = JSON.stringify({ metadata: { finalizers: null } });
    await cluster.kubectl(["-n", namespace, "patch", kind, name, "--type", "merge", "-p", patch]);
  }
}

async function sayWhatStays({ cluster, options, progress }: UninstallContext): Promise<void> {
  const { namespace, release } = options;
  const selector = `app.kubernetes.io/instance=${release}`;
  const databases = await cluster.list(kinds.database, namespace, selector);
  progress.say("done");
  if (databases.length === 0) return;
  progress.say(
    `${databases.length} databases stay with their data; the next installation takes them over. To delete them, and the Secrets:`,
  );
  progress.say(`  kubectl -n ${namespace} delete ${kinds.database},secrets -l ${selector}`);
}
