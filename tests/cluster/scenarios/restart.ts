import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { openNamespace } from "../../../scripts/kubernetes/namespace.ts";
import { isReadyPod } from "../../../scripts/kubernetes/shop.ts";
import { until } from "../../../scripts/until.ts";
import { answers } from "../clusters.ts";
import { check, NotHere, type Scenario, type Stage } from "../scenario.ts";
import { openWaitingOrders } from "../waiting-orders.ts";
import { checkout } from "./install.ts";

/** Restarts the nodes of the cluster without warning, with orders that await payment across it. */
export const restart: Scenario = {
  name: "restart",
  promise: "after all nodes are restarted without warning, the shop comes back by itself with all its orders",
  async run(stage) {
    const { cluster, shop, measured } = stage;
    if (cluster.restartNodes === undefined)
      throw new NotHere(`nothing is known of how to restart ${cluster.what}'s nodes`);
    const orders = await openWaitingOrders(stage);
    const open = await orders.begin(10);
    const before = await startsOf(stage);

    const startedAt = performance.now();
    const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(0);
    await cluster.restartNodes();
    await until("the cluster to answer", () => answers(cluster.env), { withinMs: 600_000, everyMs: 2_000 });
    // Until the kubelet reports, pods look as they did before.
    await until(
      "the pods to have been started again",
      async () => {
        const after = await startsOf(stage);
        return [...before].every(([name, starts]) => (after.get(name) ?? Number.POSITIVE_INFINITY) > starts);
      },
      { withinMs: 600_000, everyMs: 2_000 },
    );
    await shop.databasesHealthy(600_000);
    await shop.ready();
    await until("Temporal's pods to be ready", async () => {
      const pods = await openNamespace(cluster, "temporal").list("pods");
      // Those of jobs end.
      return pods.every((pod) => ["Succeeded", "Failed"].includes(pod.status.phase) || isReadyPod(pod));
    });
    measured(`ready again ${seconds()} s after the restart`);
    await checkout(stage);
    await orders.finish(open);
    const states = await orders.states(open);
    check(
      states.every((state) => state === "STATE_COMPLETED"),
      `not all orders are completed: ${states.join(", ")}`,
    );
    measured(`${open.length} orders from before were paid and completed; audit: ${await auditShop(shop)}`);
  },
};

/** Returns how often each pod of the shop was started; a pod that was replaced is not among them. */
async function startsOf({ shop }: Stage): Promise<ReadonlyMap<string, number>> {
  const pods = await shop.namespace.list("pods", `app.kubernetes.io/instance=${shop.release}`);
  const running = pods.filter(({ status }) => status.phase === "Running");
  return new Map(
    running.map(({ metadata, status }) => {
      const starts = (status.containerStatuses ?? []).map(({ restartCount }: { restartCount: number }) => restartCount);
      return [metadata.uid, starts.reduce((sum: number, count: number) => sum + count, 0)];
    }),
  );
}
