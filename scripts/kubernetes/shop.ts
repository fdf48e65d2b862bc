import { until } from "../until.ts";
import type { KubeObject, Namespace } from "./namespace.ts";

/** An installed release of the umbrella chart. */
export type Shop = ReturnType<typeof openShop>;

export function openShop(namespace: Namespace, release: string) {
  const labels = (part: string) => `app.kubernetes.io/instance=${release},app.kubernetes.io/name=${part}`;
  return {
    namespace,
    release,
    objectName: (part: string) => `${release}-${part}`,
    labels,
    /** Lists the pods of a part that are not terminating. */
    async pods(part: string): Promise<KubeObject[]> {
      const pods = await namespace.list("pods", labels(part));
      return pods.filter(
        ({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase !== "Succeeded",
      );
    },
    /** Lists the Deployments of a part. The worker has one for each running version. */
    deployments: (part: string): Promise<KubeObject[]> => deploymentsOf(namespace, release, part),
    /** Waits until every Deployment is rolled out and ready. */
    async ready(withinMs = 600_000): Promise<void> {
      await until(
        "all Deployments to be ready",
        async () => {
          const all = await namespace.list("deployments", `app.kubernetes.io/instance=${release}`);
          const waiting = all.filter((deployment) => !isReady(deployment));
          if (all.length > 0 && waiting.length === 0) return true;
          throw new Error(waiting.map(({ metadata }) => metadata.name).join(", ") || "there are no Deployments");
        },
        { withinMs, everyMs: 1_000 },
      );
    },
    /** Waits until the databases are healthy. */
    async databasesHealthy(withinMs = 300_000): Promise<void> {
      await until(
        "the databases to be healthy",
        async () => {
          const waiting = (await namespace.list("clusters.postgresql.cnpg.io")).filter(
            (cluster) => !isHealthy(cluster),
          );
          if (waiting.length === 0) return true;
          throw new Error(waiting.map(({ metadata, status }) => `${metadata.name} ${status?.phase}`).join(", "));
        },
        { withinMs, everyMs: 1_000 },
      );
    },
    /** Returns the name of the tools image, which the audit uses. */
    async toolsImage(): Promise<string> {
      const job = await namespace.find("cronjob", `${release}-audit`);
      if (job === undefined) throw new Error(`there is no CronJob ${release}-audit in ${namespace.name}`);
      return job.spec.jobTemplate.spec.template.spec.containers[0].image;
    },
  };
}

async function deploymentsOf(namespace: Namespace, release: string, part: string): Promise<KubeObject[]> {
  const all = await namespace.list("deployments");
  return all.filter(({ spec }) => {
    const labels = spec.template.metadata.labels ?? {};
    return labels["app.kubernetes.io/instance"] === release && labels["app.kubernetes.io/name"] === part;
  });
}

export function isReady({ metadata, spec, status = {} }: KubeObject): boolean {
  const wanted = spec.replicas ?? 1;
  const { observedGeneration, updatedReplicas = 0, availableReplicas = 0, replicas = 0 } = status;
  return (
    observedGeneration >= metadata.generation &&
    updatedReplicas === wanted &&
    availableReplicas === wanted &&
    replicas === wanted
  );
}

/** Returns true if a pod is ready. */
export function isReadyPod({ status = {} }: KubeObject): boolean {
  const conditions: readonly { type: string; status: string }[] = status.conditions ?? [];
  return conditions.some(({ type, status: is }) => type === "Ready" && is === "True");
}

export function isHealthy({ spec, status = {} }: KubeObject): boolean {
  return status.phase === "Cluster in healthy state" && status.readyInstances === spec.instances;
}
