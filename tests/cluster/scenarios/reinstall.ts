import { cloneFolder } from "../../../scripts/clone.ts";
import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { run } from "../../../scripts/program.ts";
import { until } from "../../../scripts/until.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";
import { openWaitingOrders } from "../waiting-orders.ts";
import { checkout } from "./install.ts";

type Way = { readonly mode: "controller" | "deployment"; readonly by: "cluster:uninstall" | "helm" };

const ways: readonly Way[] = [
  { mode: "controller", by: "cluster:uninstall" },
  { mode: "controller", by: "helm" },
  { mode: "deployment", by: "cluster:uninstall" },
  { mode: "deployment", by: "helm" },
];

/** Uninstalls and reinstalls the release over its databases, with orders open and completed across it. */
export const reinstall: Scenario = {
  name: "reinstall",
  promise: "the shop is uninstalled and reinstalled over kept databases, in both worker modes: no order is lost",
  async run(stage) {
    try {
      for (const way of ways) await reinstallOnce(stage, way);
    } finally {
      await stage.install();
    }
  },
};

async function reinstallOnce(stage: Stage, { mode, by }: Way): Promise<void> {
  const { shop, measured } = stage;
  const values = { worker: { mode }, databases: { keep: true } };
  await stage.install(values);
  await shop.ready();
  await checkout(stage);
  const orders = await openWaitingOrders(stage);
  const open = await orders.begin(5);

  const uninstalledAt = performance.now();
  await uninstall(stage, by);
  const databases = await shop.namespace.list("clusters.postgresql.cnpg.io", instance(stage));
  check(databases.length > 0, "the databases are gone");
  const left = await leftOf(stage);
  check(left.length === 0, `left behind: ${left.join(", ")}`);
  const uninstalledSeconds = seconds(uninstalledAt);

  const installedAt = performance.now();
  await stage.install(values);
  await shop.ready();
  await checkout(stage);
  await orders.finish(open);
  measured(
    `${mode}, by ${by}: uninstalled in ${uninstalledSeconds} s, reinstalled in ${seconds(installedAt)} s, ${open.length} orders carried on; audit: ${await auditShop(shop)}`,
  );
}

async function uninstall({ shop }: Stage, by: Way["by"]): Promise<void> {
  const { namespace, release } = shop;
  if (by === "cluster:uninstall") {
    const args = ["k8s/uninstall.ts", "--namespace", namespace.name, "--release", release];
    await run(process.execPath, args, { env: namespace.cluster.env, cwd: cloneFolder, timeoutMs: 1_200_000 });
    return;
  }
  await namespace.helm(["uninstall", release, "--timeout", "5m"]);
  // What k8s/README.md says: Temporal remembers the pollers for some minutes.
  await namespace
    .kubectl(["wait", "--for=delete", "--timeout=15m", `workerdeployment/${shop.objectName("worker")}`], {
      timeoutMs: 1_000_000,
    })
    .catch((error: unknown) => {
      if (!String(error).includes("NotFound")) throw error;
    });
}

/** Lists what the release left behind, besides databases and their pods, once all that was asked to end has ended. */
async function leftOf(stage: Stage): Promise<string[]> {
  const kinds = ["deployments", "jobs", "pods", "workerdeployments.temporal.io", "connections.temporal.io"];
  const look = async () => {
    const lists = await Promise.all(kinds.map((kind) => stage.shop.namespace.list(kind, instance(stage))));
    return lists.flatMap((list, index) => list.map(({ metadata }) => `${kinds[index]}/${metadata.name}`));
  };
  return await until("everything to end", async () => ((await look()).length === 0 ? [] : undefined), {
    withinMs: 180_000,
    everyMs: 2_000,
  }).catch(look);
}

function instance({ shop }: Stage): string {
  return `app.kubernetes.io/instance=${shop.release},app.kubernetes.io/part-of=sagacart`;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(0);
}
