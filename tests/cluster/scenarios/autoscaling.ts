import type { KubeObject } from "../../../scripts/kubernetes/namespace.ts";
import { isReadyPod } from "../../../scripts/kubernetes/shop.ts";
import { until } from "../../../scripts/until.ts";
import { startLoad } from "../load.ts";
import { NotHere, type Scenario, type Stage } from "../scenario.ts";

/** Scales by CPU: up while callers buy as fast as they can, down when they have stopped. */
export const autoscaling: Scenario = {
  name: "autoscaling",
  promise: "the autoscalers of a service and of the worker add pods under load, and remove them afterwards",
  async run(stage) {
    const { shop, measured, say } = stage;
    const apis = await shop.namespace.kubectl(["api-versions"]);
    if (!apis.includes("metrics.k8s.io/")) throw new NotHere("the cluster has no metrics API (metrics-server)");
    const scaling = { enabled: true, minReplicas: 1, maxReplicas: 2, targetCPU: 60, scaleDownSeconds: 15 };
    const resources = { requests: { cpu: "50m", memory: "128Mi" } };
    await stage.install({ order: { autoscaling: scaling, resources }, worker: { autoscaling: scaling, resources } });
    const startedAt = performance.now();
    const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
    {
      await using load = await startLoad(shop, { callers: 12, pauseMs: 0 });
      for (const part of ["order", "worker"]) {
        await until(`more pods of ${part}`, async () => (await readyPods(stage, part)) >= 2, { withinMs: 300_000 });
        measured(`${part}: 2 pods ${seconds()} after the load began`);
      }
      await load.stop();
    }
    say("the load has ended");
    const endedAt = performance.now();
    for (const part of ["order", "worker"]) {
      await until(`fewer pods of ${part}`, async () => (await newestPods(stage, part)).length === 1, {
        withinMs: 300_000,
      });
      measured(`${part}: 1 pod again ${((performance.now() - endedAt) / 1000).toFixed(0)} s after the load ended`);
    }
    await stage.install();
  },
};

async function readyPods(stage: Stage, part: string): Promise<number> {
  return (await newestPods(stage, part)).filter(isReadyPod).length;
}

/** Returns a part's pods; for the worker only those of the target version, because older ones stay until drained. */
async function newestPods({ shop }: Stage, part: string): Promise<KubeObject[]> {
  const pods = await shop.pods(part);
  if (part !== "worker") return pods;
  const { status } = (await shop.namespace.find("workerdeployments.temporal.io", shop.objectName(part))) ?? {};
  const wanted = status?.targetVersion?.buildID;
  return pods.filter(({ metadata }) => wanted === undefined || metadata.labels["temporal.io/build-id"] === wanted);
}
