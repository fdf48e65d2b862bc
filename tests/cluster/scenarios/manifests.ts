import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { wantedSecrets } from "../../../k8s/install/secrets.ts";
import { servingSecrets } from "../../../k8s/install/serving-secrets.ts";
import { fillIn } from "../../../k8s/install/temporal.ts";
import { cloneFolder } from "../../../scripts/clone.ts";
import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { openNamespace } from "../../../scripts/kubernetes/namespace.ts";
import { until } from "../../../scripts/until.ts";
import { checkAnswered, checkFinal, inShort, moreAnswers, startLoad } from "../load.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";
import { checkout } from "./install.ts";

/**
 * Installs a second shop by kubectl alone: the charts as `helm template` renders them, and Secrets as a vault would write them.
 * Operators and Temporal are there.
 */
export const manifests: Scenario = {
  name: "manifests",
  promise: "the rendered manifests and the Secrets that k8s/README.md lists, applied by kubectl, are a shop that sells",
  async run(stage) {
    const { measured } = stage;
    const { shop, values } = stage.another("manifests");
    const { namespace, release } = shop;
    const temporal = openNamespace(stage.cluster, "temporal");
    try {
      const startedAt = performance.now();
      await namespace.apply({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: namespace.name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
      });
      await makeTemporalNamespace(temporal, namespace.name);
      const rendered = await render(stage, values({ ...plainWorker, temporal: { namespace: namespace.name } }));
      await namespace.apply(...secretsFor(rendered.shop, namespace.name, release));
      await namespace.apply(rendered.shop);
      await until(
        "the databases to be there",
        async () => (await namespace.list("clusters.postgresql.cnpg.io")).length > 0,
      );
      await shop.databasesHealthy(600_000);
      await shop.ready();
      // A hook of the release, which Argo CD and Flux run after it.
      await namespace.apply(rendered.seed);
      await namespace.kubectl(["wait", "--for=condition=complete", `job/${release}-seed`, "--timeout=300s"], {
        timeoutMs: 320_000,
      });
      measured(`installed by kubectl in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);

      measured(await checkout({ shop }));
      await using load = await startLoad(shop, { callers: 4, pauseMs: 100 });
      await moreAnswers(load, 50, 120_000);
      // Applied again, nothing changes: no pod is replaced.
      const before = await generations(stage, shop);
      await namespace.apply(rendered.shop);
      check(
        JSON.stringify(await generations(stage, shop)) === JSON.stringify(before),
        "a second apply changed something",
      );
      const report = await load.stop();
      measured(inShort(report));
      measured(`audit: ${await auditShop(shop)}`);
      checkAnswered(report);
      checkFinal(report);
    } finally {
      await namespace.kubectl(["delete", "namespace", namespace.name, "--wait=false", "--ignore-not-found"]);
    }
  },
};

/** Without the Worker Controller, whose finalizers would outlive the namespace. */
export const plainWorker = { worker: { mode: "deployment" } };

/** Renders the chart as the GitOps tools do: without hooks, for the APIs that the cluster has. */
async function render(stage: Stage, values: Readonly<Record<string, unknown>>) {
  const { namespace, release } = stage.another("manifests").shop;
  const known = (await namespace.kubectl(["api-versions"])).split("\n").filter((line) => line !== "");
  const args = [
    ...[
      "template",
      release,
      join(cloneFolder, "charts/sagacart"),
      "-f",
      join(cloneFolder, "k8s/profiles/ci.yaml"),
      "-f",
      "-",
    ],
    ...known.flatMap((api) => ["--api-versions", api]),
  ];
  const input = JSON.stringify(values);
  return {
    shop: await namespace.helm([...args, "--no-hooks"], { input }),
    seed: await namespace.helm([...args, "--show-only", "templates/seed.yaml"], { input }),
  };
}

/** Returns the Secrets that the manifests need, as a vault would have them. */
export function secretsFor(rendered: string, namespace: string, release: string): readonly object[] {
  const secret = (name: string, stringData: object, labels = {}) => ({
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name, labels }, stringData },
  });
  return [
    ...Object.entries(wantedSecrets({}, true)).map(([name, data]) => secret(`${release}-${name}`, data)),
    ...servingSecrets(rendered, namespace).map(({ name, data }) => secret(name, data, { "cnpg.io/reload": "true" })),
  ];
}

async function makeTemporalNamespace(temporal: ReturnType<typeof openNamespace>, name: string): Promise<void> {
  const job = await readFile(join(cloneFolder, "k8s/temporal/namespace/job.yaml"), "utf8");
  // A Job is immutable: one of an earlier run would be left as it is.
  await temporal.kubectl(["delete", "job", "temporal-namespace", "--ignore-not-found", "--wait"]);
  await temporal.apply(fillIn(job, { TEMPORAL_NAMESPACE: name, RETENTION: "72h", TLS_FLAGS: "" }));
  await temporal.kubectl(["wait", "--for=condition=complete", "job/temporal-namespace", "--timeout=180s"], {
    timeoutMs: 200_000,
  });
}

async function generations({ say }: Stage, shop: Stage["shop"]): Promise<Record<string, number>> {
  const all = await shop.namespace.list("deployments", `app.kubernetes.io/instance=${shop.release}`);
  say(`${all.length} Deployments`);
  return Object.fromEntries(all.map(({ metadata }) => [metadata.name, metadata.generation]));
}
