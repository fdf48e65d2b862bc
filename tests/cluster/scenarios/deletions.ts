import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { isHealthy, isReadyPod } from "../../../scripts/kubernetes/shop.ts";
import { deployedNames, type PartName } from "../../../scripts/shop.ts";
import { until } from "../../../scripts/until.ts";
import { checkFinal, inShort, type Load, moreAnswers, startLoad } from "../load.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";
import { replicas } from "./rolling.ts";

/** Force-deletes a pod of each part, then the Postgres primaries of order and payment, while callers buy. */
export const deletions: Scenario = {
  name: "deletions",
  promise: "after force-deleting a pod of each part and a Postgres primary, the shop recovers by itself",
  async run({ shop, install, say, measured }) {
    const parts: PartName[] = [...deployedNames, "worker"];
    await install(replicas(parts, 2));
    await using load = await startLoad(shop, { callers: 8, pauseMs: 50, retry: true });
    for (const part of parts) {
      const before = await shop.pods(part);
      const [pod] = before;
      check(pod !== undefined, `there is no pod of ${part}`);
      await outage(load, `a pod of ${part}`, say, async () => {
        await shop.namespace.kubectl(["delete", "pod", pod.metadata.name, "--force", "--grace-period=0"]);
        await until(
          `${part} to have ${before.length} pods again`,
          async () => {
            const ready = (await shop.pods(part)).filter(isReadyPod);
            return ready.length >= before.length && ready.every(({ metadata }) => metadata.uid !== pod.metadata.uid);
          },
          { withinMs: 180_000 },
        );
      });
    }
    for (const part of ["order", "payment"]) await deletePrimary({ shop, say }, load, part);
    const report = await load.stop();
    measured(`${parts.length} pods and 2 primaries: ${inShort(report)}`);
    measured(
      `the longest time without an answer: ${(report.longestSilenceMs / 1000).toFixed(1)} s, at ${report.longestSilenceAt}`,
    );
    measured(`audit: ${await auditShop(shop)}`);
    checkFinal(report);
  },
};

async function deletePrimary({ shop, say }: Pick<Stage, "shop" | "say">, load: Load, part: string): Promise<void> {
  const { namespace } = shop;
  const name = shop.objectName(`${part}-db`);
  const { status } = await namespace.find("clusters.postgresql.cnpg.io", name);
  const primary = status.currentPrimary;
  const { metadata } = await namespace.find("pod", primary);
  await outage(load, `${part}'s Postgres primary`, say, async () => {
    await namespace.kubectl(["delete", "pod", primary, "--force", "--grace-period=0"]);
    await until(
      `${name} to be healthy again`,
      async () => {
        const pod = await namespace.find("pod", primary);
        return (
          pod?.metadata.uid !== metadata.uid && isHealthy(await namespace.find("clusters.postgresql.cnpg.io", name))
        );
      },
      { withinMs: 240_000 },
    );
  });
}

/** Damages the shop under load, and prints how long recovery took and how many requests were repeated. */
async function outage(load: Load, what: string, say: (line: string) => void, harm: () => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(1);
  const before = await load.count();
  await harm();
  const repaired = seconds();
  await moreAnswers(load, 20, 180_000);
  const after = await load.count();
  say(
    `${what}: restored after ${repaired} s, 20 more answers after ${seconds()} s, ${after.failed - before.failed} requests repeated`,
  );
}
