import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { isReady } from "../../../scripts/kubernetes/shop.ts";
import { deployedNames, type PartName } from "../../../scripts/shop.ts";
import { until } from "../../../scripts/until.ts";
import { checkAnswered, checkFinal, inShort, moreAnswers, startLoad } from "../load.ts";
import { check, type Scenario } from "../scenario.ts";

/** Runs two pods of each part and replaces each part's pods in turn, while callers buy on kept connections, without retries. */
export const rolling: Scenario = {
  name: "rolling",
  promise: "a rolling update of each Deployment under load fails no request and loses no order",
  async run({ shop, install, say, measured }) {
    const parts: PartName[] = [...deployedNames, "worker"];
    await install(replicas(parts, 2));
    await using load = await startLoad(shop, { callers: 8, pauseMs: 100 });
    for (const part of parts) {
      const before = await load.count();
      const startedAt = performance.now();
      await replacePods(part);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      await moreAnswers(load, 10);
      const after = await load.count();
      say(
        `${part}: ${seconds} s, ${after.answered - before.answered} answered, ${after.failed - before.failed} failed`,
      );
    }
    const report = await load.stop();
    for (const failure of report.failures.slice(0, 20)) say(failure);
    measured(`${parts.length} Deployments of 2 pods in turn: ${inShort(report)}`);
    measured(`audit: ${await auditShop(shop)}`);
    // Requests on kept connections are what a pod can lose when it stops.
    check(
      report.connections < report.requests / 2,
      `${report.connections} connections for ${report.requests} requests`,
    );
    check(report.retried === 0, `${report.retried} requests were repeated`);
    checkAnswered(report);
    checkFinal(report);

    async function replacePods(part: PartName): Promise<void> {
      if (
        part === "worker" &&
        (await shop.namespace.find("workerdeployments.temporal.io", shop.objectName(part))) !== undefined
      ) {
        // A changed template is a new version of the worker: its controller gates it and ramps it up.
        const worker = { replicas: 2, podAnnotations: { "sagacart.dev/e2e": "rolled" } };
        await install({ ...replicas(parts, 2), worker });
        return;
      }
      for (const { metadata } of await shop.deployments(part)) {
        await shop.namespace.kubectl(["rollout", "restart", `deployment/${metadata.name}`]);
        await until(
          `${metadata.name} to have new pods`,
          async () => {
            const deployment = await shop.namespace.find("deployment", metadata.name);
            // The old pods have to be gone as well: they drain under load.
            const pods = await shop.namespace.list("pods", shop.labels(part));
            return isReady(deployment) && pods.length === deployment.spec.replicas;
          },
          { withinMs: 240_000 },
        );
      }
    }
  },
};

/** Returns values that set each part's number of pods. */
export function replicas(parts: readonly PartName[], count: number): Record<string, unknown> {
  return Object.fromEntries(parts.map((part) => [part, { replicas: count }]));
}
