import { adminPortOf } from "../../../scripts/shop.ts";
import { until } from "../../../scripts/until.ts";
import { moreAnswers, startLoad } from "../load.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";

const part = "stock";

/** Scales a service from one pod to three under load; the callers' connections have to find the new pods. */
export const scale: Scenario = {
  name: "scale",
  promise: "after scaling a service from 1 to 3 pods, the new pods take calls within seconds",
  async run(stage) {
    const { shop, measured, say } = stage;
    await stage.install({ [part]: { replicas: 1 } });
    await using load = await startLoad(shop, { callers: 8, pauseMs: 50 });
    await moreAnswers(load, 20);
    const deployment = `deployment/${shop.objectName(part)}`;
    await shop.namespace.kubectl(["scale", deployment, "--replicas=3"]);
    await shop.namespace.kubectl(["rollout", "status", deployment, "--timeout=180s"]);
    const readyAt = performance.now();
    const calls = await until(
      "each new pod to take calls",
      async () => {
        const counts = await callsByPod(stage);
        return counts.size === 3 && [...counts.values()].every((count) => count > 0) ? counts : undefined;
      },
      { withinMs: 120_000 },
    );
    const seconds = (performance.now() - readyAt) / 1000;
    say(`first calls: ${shown(calls)}`);
    const before = await callsByPod(stage);
    await moreAnswers(load, 100, 120_000);
    const after = await callsByPod(stage);
    const gained = new Map([...after].map(([pod, count]) => [pod, count - (before.get(pod) ?? 0)]));
    const report = await load.stop();
    measured(
      `all three pods take calls ${seconds.toFixed(1)} s after they were ready; calls of each afterwards: ${shown(gained)}`,
    );
    check(report.failed === 0, `${report.failed} requests failed while it scaled: ${report.failures[0]}`);
    check(
      [...gained.values()].every((count) => count > 0),
      `a pod stopped taking calls: ${shown(gained)}`,
    );
    await stage.install();
  },
};

const shown = (calls: ReadonlyMap<string, number>) =>
  [...calls].map(([pod, count]) => `${pod.slice(-5)} ${count}`).join(", ");

/** Returns how many calls each pod has answered, without health checks. */
async function callsByPod({ shop }: Stage): Promise<ReadonlyMap<string, number>> {
  const counts = await Promise.all(
    (await shop.pods(part)).map(async ({ metadata }) => {
      const metrics = await shop.namespace.askPod(metadata.name, adminPortOf(part), "/metrics");
      const lines = metrics.split("\n").filter((line) => line.startsWith("rpc_server_duration_seconds_count{"));
      const calls = lines.filter((line) => line.includes("sagacart."));
      return [metadata.name, calls.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)] as const;
    }),
  );
  return new Map(counts);
}
