import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { cloneFolder } from "../../scripts/clone.ts";
import { openNamespace } from "../../scripts/kubernetes/namespace.ts";
import { openShop } from "../../scripts/kubernetes/shop.ts";
import { output } from "../../scripts/program.ts";
import { builderClusters, openCluster } from "./clusters.ts";
import { createInstaller, type Values, valuesOf } from "./installer.ts";
import { type Result, table } from "./report.ts";
import { type Run, resultsPage, withResults } from "./results-page.ts";
import { perform } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

// scripts/e2e-cluster: tests the promises of the charts on a real cluster. See `usage`.

const usage = `usage: scripts/e2e-cluster [--kind | --context NAME${builderClusters.map(({ option }) => ` | --${option} DIR`).join("")}] [options]

Builds the images of this clone, installs the operators, Temporal and the shop with the ci profile, and tests the
promises of the charts on that cluster. Prints a table at the end, and exits with 0 if no scenario failed.

  --kind            a kind cluster called sagacart, created if there is none
  --context NAME    a context of the kubeconfig (default: the current one)
${builderClusters.map(({ option, usage }) => `  ${`--${option} DIR`.padEnd(18)}${usage}\n`).join("")}  --only NAME,…     run only these scenarios; a new cluster needs \`install\` first
  --skip NAME,…     run all scenarios except these
  --namespace NAME  the namespace of the shop (default: sagacart-e2e)
  --tag TAG         use images with this tag that the cluster can pull, instead of building them
  --values FILE     additional values (JSON or YAML) for the shop's chart, in each scenario
  --steps STEP,…    the installer's steps in \`install\` (default: all of the ci profile)
  --record          write the results into ${resultsPage}; with --list, only the scenarios
  --upgrade-from R  the commit that \`upgrade\` begins with (default: the last release)
  --keep            do not uninstall the shop at the end
  --list            print the scenarios

`;

const { values } = parseArgs({
  options: {
    ...Object.fromEntries(builderClusters.map(({ option }) => [option, { type: "string" as const }])),
    kind: { type: "boolean" },
    context: { type: "string" },
    only: { type: "string" },
    skip: { type: "string" },
    namespace: { type: "string", default: "sagacart-e2e" },
    tag: { type: "string" },
    values: { type: "string" },
    steps: { type: "string", default: "all" },
    "upgrade-from": { type: "string" },
    record: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);

if (values.list && values.record) {
  // A new scenario, or another promise.
  await record((page) => withResults(page, scenarios));
  process.exit(0);
}
if (values.help || values.list) {
  say(
    `${values.help ? usage : ""}${scenarios.map(({ name, promise }) => `  ${name.padEnd(12)} ${promise}`).join("\n")}`,
  );
  process.exit(0);
}
const named = (list: string | undefined) => list?.split(",") ?? [];
const unknown = [...named(values.only), ...named(values.skip)].filter(
  (name) => !scenarios.some((one) => one.name === name),
);
if (unknown.length > 0) {
  say(`unknown scenarios: ${unknown.join(", ")}. The scenarios are: ${scenarios.map(({ name }) => name).join(", ")}.`);
  process.exit(1);
}
const wanted = scenarios.filter(
  ({ name }) => (values.only === undefined || named(values.only).includes(name)) && !named(values.skip).includes(name),
);

const { kind, context } = values;
const own = builderClusters.flatMap(({ option }) => {
  const folder = Object.entries(values).find(([name]) => name === option)?.[1];
  return typeof folder === "string" ? [{ option, folder }] : [];
})[0];
const cluster = await openCluster(
  {
    ...(own === undefined ? {} : { own }),
    ...(kind === undefined ? {} : { kind }),
    ...(context === undefined ? {} : { context }),
  },
  say,
);
say(`On ${cluster.what}: ${wanted.map(({ name }) => name).join(", ")}`);
// A new tag for each run: the Worker Controller identifies a version by its tag, and gates each version only once.
const tag = values.tag ?? `e2e-${Date.now().toString(36)}`;
if (values.tag === undefined) {
  say("Building the images");
  await cluster.loadImages(tag, say);
}
const moreValues = values.values === undefined ? {} : parse(await readFile(values.values, "utf8"));
const shopIn = (name: string) => {
  const namespace = openNamespace(cluster, name);
  const install = createInstaller({
    ...{ namespace, release: "sagacart", temporal: cluster.temporal },
    ...{ tag, values: moreValues, cloneFolder, say },
  });
  return { namespace, shop: openShop(namespace, "sagacart"), install };
};
const { namespace, shop, install } = shopIn(values.namespace);
const stage = {
  ...{ cluster, shop, tag, firstSteps: values.steps, install, upgradeFrom: values["upgrade-from"] },
  another: (suffix: string) => ({
    ...shopIn(`${values.namespace}-${suffix}`),
    values: (changes: Values) => valuesOf(tag, moreValues, changes),
  }),
};
const results: Result[] = [];
for (const scenario of wanted) {
  results.push(await perform(scenario, stage, say));
}
say(`\n${table(results)}`);
if (values.record) {
  const run = await thisRun();
  await record((page) => withResults(page, scenarios, { results, run }));
}
if (!values.keep) {
  await namespace.helm(["uninstall", "sagacart", "--ignore-not-found", "--wait=false"]).catch(() => undefined);
  await namespace.kubectl(["delete", "namespace", values.namespace, "--wait=false", "--ignore-not-found"]);
}
process.exitCode = results.every(({ outcome }) => outcome !== "FAIL") ? 0 : 1;

async function record(change: (page: string) => string): Promise<void> {
  const file = join(cloneFolder, resultsPage);
  await writeFile(file, change(await readFile(file, "utf8").catch(() => "")));
  say(`wrote ${resultsPage}`);
}

/** Returns the cluster, the commit and the date of this run. */
async function thisRun(): Promise<Run> {
  const { serverVersion } = JSON.parse(await output("kubectl", ["version", "-o", "json"], { env: cluster.env }));
  const git = (...args: string[]) => output("git", args, { cwd: cloneFolder });
  const isChanged = (await git("status", "--porcelain", "--untracked-files=no")) !== "";
  return {
    on: `${cluster.what}, Kubernetes ${serverVersion.gitVersion}`,
    commit: `${await git("rev-parse", "--short=8", "HEAD")}${isChanged ? " with changes" : ""}`,
    date: new Date().toISOString().slice(0, 10),
  };
}
