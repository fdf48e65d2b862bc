import versions from "../versions.json" with { type: "json" };
import { ensureChart } from "./charts.ts";
import type { KubeObject } from "./cluster.ts";
import type { Context } from "./context.ts";
import { crdsEstablished, deploymentReady, webhookAnswers } from "./ready.ts";

/** Installs cert-manager, for the operators' webhooks, and for the services with global.tls. */
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

/** Installs CloudNativePG, the operator of the databases. */
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

/** Installs the plugin that writes the databases' backups to an object store. Only in production. */
export async function backups(context: Context): Promise<void> {
  if (context.options.profile !== "prod") return;
  const { app } = versions.charts.barmanCloud;
  await ensureChart(context, "barmanCloud", {
    there: () => presence(context, "objectstores.barmancloud.cnpg.io", "app.kubernetes.io/name=plugin-barman-cloud"),
    args: ["--set", `image.tag=${app}`, "--set", `sidecarImage.tag=${app}`],
  });
  await crdsEstablished(context, ["objectstores.barmancloud.cnpg.io"]);
}

/** Installs Temporal's Worker Controller: first its CRDs, because it does not start without them. */
export async function workerController(context: Context): Promise<void> {
  const crds = ["connections.temporal.io", "workerdeployments.temporal.io", "workerresourcetemplates.temporal.io"];
  const there = () =>
    presence(context, "workerdeployments.temporal.io", "app.kubernetes.io/name=temporal-worker-controller");
  // CRDs without a controller do not count as installed: the two charts belong together.
  const crdsOnly = async () => ((await there()) === undefined ? undefined : "from the controller's installation");
  await ensureChart(context, "workerControllerCrds", { there: crdsOnly });
  await crdsEstablished(context, crds);
  await ensureChart(context, "workerController", {
    there,
    // Allow PodDisruptionBudgets as well as autoscalers, for each version of the worker.
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

/** Installs metrics-server, which autoscalers read. Managed clusters have it. */
export async function metricsServer(context: Context): Promise<void> {
  const { cluster, progress, options } = context;
  await ensureChart(context, "metricsServer", {
    async there() {
      const service = await cluster.find("apiservice", "v1beta1.metrics.k8s.io");
      return service === undefined ? undefined : "the metrics API is served";
    },
    // The kubelets of kind have self-signed certificates.
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
 * Looks for an operator that is already installed: its CRD, and its Deployment in any namespace, which it waits for.
 * Returns its image, or undefined. A CRD alone does not count: a removed operator may have left it.
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
