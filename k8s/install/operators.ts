import versions from "../versions.json" with { type: "json" };
import { ensureChart } from "./charts.ts";
import type { KubeObject } from "./cluster.ts";
import type { Context } from "./context.ts";
import { crdsEstablished, deploymentReady, webhookAnswers } from "./ready.ts";

/** Certificates: for the operators' webhooks, and for the services with global.tls. */
export async function certManager(context: Context): Promise<void> {
  await ensureChart(context, "certManager", {
    there: () => presence(context, "certificates.cert-manager.io", "app.kubernetes.io/name=cert-manager"),
    args: ["--set", "crds.enabled=true"],
  });
  await crdsEstablished(context, ["certificates.cert-manager.io", "issuers.cert-manager.io"]);
  await webhookAnswers(context, "cert-manager", {
    apiVersion: "cert-manager.io/v1",
    kind: "ClusterIssuer",
    metadata: { name: "sagacart-install-check" },
    spec: { selfSigned: {} },
  });
}

/** The databases' operator. */
export async function cloudNativePg(context: Context): Promise<void> {
  await ensureChart(context, "cloudNativePg", {
    there: () => presence(context, "clusters.postgresql.cnpg.io", "app.kubernetes.io/name=cloudnative-pg"),
  });
  await crdsEstablished(context, ["clusters.postgresql.cnpg.io", "databases.postgresql.cnpg.io"]);
  await webhookAnswers(context, "CloudNativePG", {
    apiVersion: "postgresql.cnpg.io/v1",
    kind: "Cluster",
    metadata: { name: "sagacart-install-check", namespace: "default" },
    spec: { instances: 1, storage: { size: "1Gi" } },
  });
}

/** The plugin that copies backups of the databases to an object store, in production. */
export async function backups(context: Context): Promise<void> {
  if (context.options.profile !== "prod") return;
  const { app } = versions.charts.barmanCloud;
  await ensureChart(context, "barmanCloud", {
    there: () => presence(context, "objectstores.barmancloud.cnpg.io", "app.kubernetes.io/name=plugin-barman-cloud"),
    args: ["--set", `image.tag=${app}`, "--set", `sidecarImage.tag=${app}`],
  });
  await crdsEstablished(context, ["objectstores.barmancloud.cnpg.io"]);
}

/** The operator of worker versions: its CRDs first, which it does not start without. */
export async function workerController(context: Context): Promise<void> {
  const crds = ["connections.temporal.io", "workerdeployments.temporal.io", "workerresourcetemplates.temporal.io"];
  const there = () =>
    presence(context, "workerdeployments.temporal.io", "app.kubernetes.io/name=temporal-worker-controller");
  // CRDs alone are nobody's controller: these two come and go together.
  const crdsOnly = async () => ((await there()) === undefined ? undefined : "with its controller");
  await ensureChart(context, "workerControllerCrds", { there: crdsOnly });
  await crdsEstablished(context, crds);
  await ensureChart(context, "workerController", {
    there,
    // PodDisruptionBudgets besides autoscalers, for each version of the worker.
    args: ["--set-json", `workerResourceTemplate.allowedResources=${JSON.stringify(allowedResources)}`],
  });
  await webhookAnswers(context, "the Worker Controller", {
    apiVersion: "temporal.io/v1alpha1",
    kind: "WorkerResourceTemplate",
    metadata: { name: "sagacart-install-check", namespace: "default" },
    spec: {
      workerDeploymentRef: { name: "sagacart-install-check" },
      template: {
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        spec: { scaleTargetRef: {}, maxReplicas: 1 },
      },
    },
  });
}

const allowedResources = [
  { kinds: ["HorizontalPodAutoscaler"], apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"] },
  { kinds: ["PodDisruptionBudget"], apiGroups: ["policy"], resources: ["poddisruptionbudgets"] },
];

/** The metrics API that autoscalers read. Managed clusters have it. */
export async function metricsServer(context: Context): Promise<void> {
  const { cluster, progress, options } = context;
  await ensureChart(context, "metricsServer", {
    async there() {
      const service = await cluster.find("apiservice", "v1beta1.metrics.k8s.io");
      return service === undefined ? undefined : "the metrics API is served";
    },
    // kind's kubelets have certificates that nobody signed.
    args: options.profile === "prod" ? [] : ["--set", "args={--kubelet-insecure-tls}"],
  });
  await progress.wait({
    what: "the metrics API",
    limitSeconds: 180,
    async check() {
      const asked = await cluster.tryKubectl(["get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"]);
      return asked.ok ? undefined : "no metrics yet";
    },
  });
}

/**
 * Whether somebody else has installed an operator: its CRD, and its Deployment wherever that is, which is waited for.
 * The image is told. A CRD alone is none: it may be what a removed operator left.
 */
async function presence(context: Context, crd: string, selector: string): Promise<string | undefined> {
  if ((await context.cluster.find("crd", crd)) === undefined) return undefined;
  const deployments = await context.cluster.list("deployment", "everywhere", selector);
  for (const { metadata } of deployments) {
    await deploymentReady(context, metadata.name, metadata.namespace ?? "default");
  }
  const images = new Set(deployments.map(imageOf));
  return deployments.length === 0 ? undefined : [...images].join(", ");
}

function imageOf({ spec }: KubeObject): string {
  const pod: { spec?: { containers?: readonly { image?: string }[] } } = spec?.template ?? {};
  return pod.spec?.containers?.[0]?.image ?? "?";
}
