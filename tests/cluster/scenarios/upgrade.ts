import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cloneFolder } from "../../../scripts/clone.ts";
import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import { run } from "../../../scripts/program.ts";
import { copyOfClone } from "../copy-of-clone.ts";
import { checkAnswered, checkFinal, inShort, moreAnswers, startLoad } from "../load.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";
import { openWaitingOrders } from "../waiting-orders.ts";
import { databases } from "./databases.ts";

/** Upgrades from the previous version to this one and rolls back, with orders that await payment across both. */
export const upgrade: Scenario = {
  name: "upgrade",
  promise: "an upgrade from the previous chart version and a rollback keep all data, and old workflows finish",
  async run(stage) {
    const { shop, measured, say } = stage;
    const previous = await previousVersion(stage);
    try {
      await stage.install({}, { chartsFrom: previous.folder, tag: previous.tag });
      measured(`from ${previous.what} (chart ${await chartVersion(shop)})`);
      const orders = await openWaitingOrders(stage);
      const before = await orders.begin(20);
      await using load = await startLoad(shop, { callers: 4, pauseMs: 200 });
      await moreAnswers(load, 10);

      const upgradedAt = performance.now();
      await stage.install();
      await shop.ready();
      measured(
        `upgraded to chart ${await chartVersion(shop)} in ${((performance.now() - upgradedAt) / 1000).toFixed(0)} s`,
      );
      // Those of an earlier version may not exist, or may have rights that they have no more.
      await databases.run({ ...stage, measured: say });
      const between = await orders.begin(10);
      await orders.finish(before);
      say(`${before.length} orders from before the upgrade were paid and completed after it`);

      const rolledBackAt = performance.now();
      await shop.namespace.helm(["rollback", shop.release, "--wait", "--timeout", "10m"]);
      await shop.ready();
      measured(
        `rolled back to chart ${await chartVersion(shop)} in ${((performance.now() - rolledBackAt) / 1000).toFixed(0)} s`,
      );
      await orders.finish(between);
      measured(
        `${before.length} orders begun before the upgrade completed after it, and ${between.length} begun after it completed after the rollback`,
      );
      const kept = await orders.states([...before, ...between]);
      check(
        kept.every((state) => state === "STATE_COMPLETED"),
        `not all orders are completed: ${kept.join(", ")}`,
      );
      await moreAnswers(load, 10);
      const report = await load.stop();
      measured(`meanwhile: ${inShort(report)}`);
      measured(`audit: ${await auditShop(shop)}`);
      checkFinal(report);
      checkAnswered(report);
    } finally {
      await previous[Symbol.asyncDispose]();
      await stage.install();
    }
  },
};

async function chartVersion(shop: Stage["shop"]): Promise<string> {
  const [{ chart } = { chart: "none" }] = JSON.parse(
    await shop.namespace.helm(["list", "--filter", `^${shop.release}$`, "-o", "json"]),
  );
  return chart;
}

type Previous = AsyncDisposable & { readonly what: string; readonly folder: string; readonly tag: string };

/**
 * Returns the version to begin with: the commit that was asked for, with images of its own; or the last release with its images.
 * Before the first release, returns this clone with a lower chart version and
 * another tag of the same images, so that the upgrade replaces every pod.
 */
async function previousVersion({ cluster, tag, upgradeFrom, say }: Stage): Promise<Previous> {
  const git = (...args: string[]) => run("git", args, { cwd: cloneFolder });
  if (upgradeFrom !== undefined) {
    const commit = (await git("rev-parse", "--short=8", `${upgradeFrom}^{commit}`)).trim();
    const folder = await folderOf(commit);
    const from = `${tag}-${commit}`;
    say(`building the images of ${commit}`);
    await cluster.loadImages(from, say, folder);
    const dispose = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
    return { what: `commit ${commit}`, folder, tag: from, ...dispose };
  }
  const folder = await copyOfClone();
  const dispose = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  const released = (await git("tag", "--list", "v*", "--sort=-version:refname").catch(() => "")).split("\n")[0] ?? "";
  const parts = ["charts", "k8s", "scripts"];
  if (released !== "") {
    for (const part of parts) await rm(join(folder, part), { recursive: true });
    const archive = join(folder, "release.tar");
    await git("archive", "--output", archive, released, "--", ...parts);
    await run("tar", ["-xf", archive, "-C", folder]);
    return { what: released, folder, tag: released.slice(1), ...dispose };
  }
  const chart = join(folder, "charts/sagacart/Chart.yaml");
  await writeFile(chart, (await readFile(chart, "utf8")).replace(/^version: .*$/m, "version: 0.0.9"));
  await cluster.tagImages(tag, `${tag}-previous`);
  return {
    what: "this chart as version 0.0.9, because there is no release",
    folder,
    tag: `${tag}-previous`,
    ...dispose,
  };
}

/** Returns a new folder with the files of a commit, and the packages of this clone, with which its programs run. */
export async function folderOf(commit: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sagacart-commit-"));
  const archive = join(folder, "commit.tar");
  await run("git", ["archive", "--output", archive, commit], { cwd: cloneFolder });
  await run("tar", ["-xf", archive, "-C", folder]);
  await rm(archive);
  await symlink(join(cloneFolder, "node_modules"), join(folder, "node_modules"));
  return folder;
}
