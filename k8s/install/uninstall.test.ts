import { expect, test } from "vitest";
import { type Cluster, type KubeObject, openCluster, type RunProgram } from "./cluster.ts";
import { createProgress, InstallError } from "./progress.ts";
import { readUninstallOptions, uninstall } from "./uninstall.ts";

type Object = KubeObject & { spec?: { replicas?: number } };

/**
 * A cluster behind stand-ins for kubectl and helm, with a Worker Controller: it scales a version up again until the
 * deletion of its WorkerDeployment is requested, and deletes that once no pod is left and Temporal answers.
 */
function startStandIn({ temporalAnswers = true } = {}) {
  const objects = new Map<string, Object>([
    ["workerdeployments.temporal.io/sagacart-worker", { metadata: { name: "sagacart-worker" } }],
    ["connections.temporal.io/sagacart-temporal", { metadata: { name: "sagacart-temporal" } }],
    ["deployments/sagacart-worker-v1", { metadata: { name: "sagacart-worker-v1" }, spec: { replicas: 2 } }],
    ["clusters.postgresql.cnpg.io/sagacart-order-db", { metadata: { name: "sagacart-order-db" } }],
  ]);
  const standIn = { objects, calls: [] as string[], failAt: -1, lines: [] as string[], polls: 0 };
  const worker = () => objects.get("workerdeployments.temporal.io/sagacart-worker");

  const run: RunProgram = async (program, args) => {
    const rest = args.filter((arg, index) => !/context$/.test(arg) && !/context$/.test(args[index - 1] ?? ""));
    standIn.calls.push([program, ...rest].join(" "));
    if (standIn.calls.length - 1 === standIn.failAt)
      return { ok: false, stdout: "", stderr: "Forbidden: no such luck" };
    const plain = rest.filter((arg, index) => arg !== "-n" && rest[index - 1] !== "-n");
    return { ok: true, stdout: program === "helm" ? helm() : kubectl(plain), stderr: "" };
  };

  function helm(): string {
    terminate("connections.temporal.io/sagacart-temporal");
    terminate("workerdeployments.temporal.io/sagacart-worker");
    return "";
  }

  function terminate(key: string): void {
    const object = objects.get(key);
    if (object === undefined) return;
    objects.set(key, { ...object, metadata: { ...object.metadata, deletionTimestamp: "2026-11-30T00:00:00Z" } });
  }

  function kubectl([verb, kind = "", name = ""]: readonly string[]): string {
    if (verb === "version") return "{}";
    if (verb === "delete" && name === "sagacart-worker") terminate(`${kind}/${name}`);
    if (verb === "scale") objects.set(`deployments/${name}`, { metadata: { name }, spec: { replicas: 0 } });
    if (verb === "patch") objects.delete(`${kind}/${name}`);
    if (verb !== "get") return "";
    control();
    if (name !== "-l" && name !== "-o")
      return JSON.stringify(objects.get(`${kind}/${name}`) ?? null).replace("null", "");
    if (kind === "pods") return JSON.stringify({ items: podsRun() ? [{ metadata: { name: "worker-pod" } }] : [] });
    const items = [...objects].flatMap(([key, object]) => (key.startsWith(`${kind}/`) ? [object] : []));
    return JSON.stringify({ items });
  }

  function podsRun(): boolean {
    return objects.get("deployments/sagacart-worker-v1")?.spec?.replicas !== 0;
  }

  function control(): void {
    const isEnding = worker()?.metadata.deletionTimestamp !== undefined;
    if (!isEnding && worker() !== undefined) {
      objects.set("deployments/sagacart-worker-v1", {
        metadata: { name: "sagacart-worker-v1" },
        spec: { replicas: 2 },
      });
    }
    if (isEnding && !podsRun() && temporalAnswers) standIn.polls += 1;
    // Temporal remembers a poller for a while.
    if (standIn.polls > 4) {
      objects.delete("workerdeployments.temporal.io/sagacart-worker");
      objects.delete("connections.temporal.io/sagacart-temporal");
    }
  }

  async function start(...args: string[]): Promise<void> {
    const options = readUninstallOptions(["--context", "here", ...args]);
    if (options === "help") throw new Error("no help was asked for");
    const cluster: Cluster = await openCluster(options.context, run);
    await uninstall({ cluster, options, progress: createProgress((line) => standIn.lines.push(line)) });
  }

  return Object.assign(standIn, { start });
}

test("the worker's versions end before the release, their deletion is asked for first, and databases stay", async () => {
  const shop = startStandIn();
  await shop.start();

  expect([...shop.objects.keys()]).toEqual([
    "deployments/sagacart-worker-v1",
    "clusters.postgresql.cnpg.io/sagacart-order-db",
  ]);
  const changes = shop.calls.filter((call) => / (delete|scale|uninstall) /.test(call));
  expect(changes.map((call) => call.replace("-n sagacart ", ""))).toEqual([
    "kubectl delete workerdeployments.temporal.io sagacart-worker --wait=false --ignore-not-found",
    "kubectl scale deployment sagacart-worker-v1 --replicas=0",
    "helm uninstall sagacart -n sagacart --ignore-not-found --no-hooks".replace("-n sagacart ", ""),
    expect.stringContaining("kubectl delete jobs,pods -l app.kubernetes.io/instance=sagacart"),
  ]);
  const said = shop.lines.join("\n");
  expect(said).toContain(
    "workerdeployments.temporal.io/sagacart-worker, connections.temporal.io/sagacart-temporal Terminating",
  );
  expect(said).toContain("1 databases stay with their data");
});

test("what waits for a Temporal that is gone is released by --temporal-is-gone", async () => {
  const shop = startStandIn({ temporalAnswers: false });
  await shop.start("--temporal-is-gone");
  expect([...shop.objects.keys()].filter((key) => key.includes("temporal.io"))).toEqual([]);
});

test("with a plain Deployment, and run again, there is nothing to end first", async () => {
  const shop = startStandIn();
  await shop.start();
  shop.calls.length = 0;
  await shop.start();
  expect(shop.calls.filter((call) => call.includes(" scale "))).toEqual([]);
});

test("whichever call fails, it stops with a sentence, and can be run again", async () => {
  const whole = startStandIn();
  await whole.start();
  for (const failAt of whole.calls.keys()) {
    const shop = startStandIn();
    shop.failAt = failAt;
    await expect(shop.start(), whole.calls[failAt]).rejects.toBeInstanceOf(InstallError);
    shop.failAt = -1;
    await shop.start();
    expect([...shop.objects.keys()].filter((key) => key.includes("temporal.io"))).toEqual([]);
  }
});

test("an unknown option is refused with the options that there are", () => {
  expect(() => readUninstallOptions(["--relaese", "x"])).toThrow(/Unknown option '--relaese'[\s\S]*--release NAME/);
});
