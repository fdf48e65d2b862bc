import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { isHealthy } from "../../../scripts/kubernetes/shop.ts";
import { until } from "../../../scripts/until.ts";
import { checkFinal, inShort, moreAnswers, startLoad } from "../load.ts";
import { check, type Scenario } from "../scenario.ts";

const part = "order";

/** Two instances of the orders' database, the second of which has every commit. */
export const volumeValues = {
  databases: { services: { [part]: { instances: 2, synchronous: { method: "any", number: 1 } } } },
};

/** Deletes the volume of a database's primary together with its pod, while callers buy. */
export const volume: Scenario = {
  name: "volume",
  promise: "after the volume of a Postgres primary is deleted, its standby takes over, and no order is lost",
  async run(stage) {
    const { shop, measured } = stage;
    const { namespace } = shop;
    const name = shop.objectName(`${part}-db`);
    const clusterOf = () => namespace.find("clusters.postgresql.cnpg.io", name);
    try {
      await stage.install(volumeValues);
      await shop.databasesHealthy();
      // Not only asked for: both instances are there.
      await until(`${name} to have a standby`, async () => (await clusterOf()).status.readyInstances === 2, {
        withinMs: 300_000,
        everyMs: 2_000,
      });
      await using load = await startLoad(shop, { callers: 8, pauseMs: 50, retry: true });
      await moreAnswers(load, 50, 120_000);

      const { status } = await clusterOf();
      const primary: string = status.currentPrimary;
      const claims = await namespace.list("persistentvolumeclaims", `cnpg.io/instanceName=${primary}`);
      check(claims.length > 0, `${primary} has no volume`);
      const uids = claims.map(({ metadata }) => metadata.uid);
      const startedAt = performance.now();
      // They end with the pod that uses them.
      const names = claims.map(({ metadata }) => metadata.name);
      await namespace.kubectl(["delete", "persistentvolumeclaims", ...names, "--wait=false"]);
      await namespace.kubectl(["delete", "pod", primary, "--force", "--grace-period=0"]);
      await until(
        `another instance of ${name} to be its primary`,
        async () => {
          const { currentPrimary } = (await clusterOf()).status;
          return currentPrimary !== primary && currentPrimary !== "";
        },
        { withinMs: 240_000, everyMs: 1_000 },
      );
      measured(`another primary after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      await moreAnswers(load, 50, 240_000);
      await until(
        `${name} to have two instances again, on other volumes`,
        async () => {
          const now = await namespace.list("persistentvolumeclaims", `cnpg.io/cluster=${name}`);
          return now.every(({ metadata }) => !uids.includes(metadata.uid)) && isHealthy(await clusterOf());
        },
        { withinMs: 600_000, everyMs: 2_000 },
      );
      measured(`two instances again after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
      const report = await load.stop();
      measured(inShort(report));
      measured(`audit: ${await auditShop(shop)}`);
      checkFinal(report);
    } finally {
      await stage.install();
    }
  },
};
