import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { Client, Connection } from "@temporalio/client";
import { Runtime, Worker } from "@temporalio/worker";
import { operatorSession } from "../../scripts/cluster/tokens.ts";
import { auditShop } from "../../scripts/kubernetes/audit.ts";
import { type KubeObject, openNamespace } from "../../scripts/kubernetes/namespace.ts";
import { openShop } from "../../scripts/kubernetes/shop.ts";
import { operatorName } from "../../scripts/stack/users.ts";
import { until } from "../../scripts/until.ts";
import { check } from "./scenario.ts";
import { openWaitingOrders } from "./waiting-orders.ts";
import { brokenCharge, buildWorker, otherWorkflowCode } from "./worker-images.ts";

// Tests three versions of the worker under the Worker Controller, in an installed shop: see `usage`. Each line begins with
// the seconds since the start; lines with "  - " are measurements.

const usage = `usage: node tests/cluster/worker-versions.ts --namespace NAME [--release NAME] [--orders N] [--images MARK]

The installed worker is the first version. Orders that await payment begin on it. A second version with incompatible
workflow code is gated, ramps and becomes current; the orders are paid and end on the first. A third version, whose
charge step is broken, fails its gate and never gets an order. At the end the first image is restored and the audit
must pass. KUBECONFIG selects the cluster. IMAGE_BUILDER builds the images (default: docker, which loads them into
kind). With --images, reuses the images sagacart/worker:two-MARK and three-MARK of an earlier run of the same sources.
`;

const { values } = parseArgs({
  options: {
    namespace: { type: "string" },
    release: { type: "string", default: "sagacart" },
    orders: { type: "string", default: "200" },
    temporal: { type: "string", default: "temporal" },
    images: { type: "string" },
  },
});
if (values.namespace === undefined) {
  process.stderr.write(usage);
  process.exit(1);
}

const startedAt = performance.now();
const since = () => (performance.now() - startedAt) / 1000;
const say = (line: string) => process.stdout.write(`${since().toFixed(0).padStart(5)} s  ${line}\n`);
const measured = (line: string) => process.stdout.write(`  - ${line}\n`);

const cluster = { what: "the cluster", env: process.env };
const namespace = openNamespace(cluster, values.namespace);
const shop = openShop(namespace, values.release);
const name = shop.objectName("worker");
const worker = async (): Promise<KubeObject> => {
  const found = await namespace.find("workerdeployments.temporal.io", name);
  check(
    found !== undefined,
    `there is no WorkerDeployment ${name} in ${namespace.name}: install the shop with worker.mode=controller`,
  );
  return found;
};
const setImage = (image: string) => {
  const patch = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: image }];
  return namespace.kubectl([
    "patch",
    "workerdeployments.temporal.io",
    name,
    "--type=json",
    "-p",
    JSON.stringify(patch),
  ]);
};

Runtime.install({ logger: { ...silent() } });
const before = await worker();
const firstImage: string = before.spec.template.spec.containers[0].image;
const one = (await until(
  "the first version to be current",
  async () => (await worker()).status?.currentVersion?.buildID,
  {
    withinMs: 600_000,
  },
)) as string;
say(`the first version is ${one} (${firstImage})`);

const run = values.images ?? Date.now().toString(36);
const isBuilt = values.images !== undefined;
const images = { two: `sagacart/worker:two-${run}`, three: `sagacart/worker:three-${run}` };
const bundle = await buildWorker(cluster.env, {
  name: images.two,
  base: firstImage,
  changes: otherWorkflowCode,
  isBuilt,
});
await buildWorker(cluster.env, {
  name: images.three,
  base: images.two,
  changes: [...otherWorkflowCode, ...brokenCharge],
  isBuilt,
});
say(`built ${images.two} with incompatible workflow code, and ${images.three} with a broken charge step`);

await using frontend = await openNamespace(cluster, values.temporal).forward("svc/temporal-frontend", 7233);
const connection = await until("Temporal to answer", () => Connection.connect({ address: frontend.address }));
const temporal = new Client({ connection, namespace: before.spec.workerOptions.temporalNamespace });
const versionOf = async (workflowId: string): Promise<string> => {
  const { raw } = await temporal.workflow.getHandle(workflowId).describe();
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? "none";
};
const versionsOf = async (workflowIds: readonly string[]): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const id of workflowIds) {
    const version = await versionOf(id);
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
};

const waiting = await openWaitingOrders({ shop });
const slow = await waiting.begin(Number(values.orders));
const own = slow.map((id) => `order-${id}`);
await until("each to have a workflow", async () => (await versionsOf(own))[one] === slow.length, { withinMs: 120_000 });
say(`${slow.length} slow checkouts have begun on ${one}, and await payment`);
const history = await temporal.workflow.getHandle(own[0] ?? "").fetchHistory();
const replays = await Worker.runReplayHistory({ workflowBundle: bundle }, history).then(
  () => true,
  () => false,
);
check(!replays, "the second version's code can replay a workflow of the first, so it is not incompatible");
measured("the second version's code cannot replay a workflow of the first, so it is incompatible");

const buyer = await startBuyer();
try {
  await setImage(images.two);
  const two = await rollOut("second");
  const bought = buyer.bought();
  const first = bought.filter(({ version }) => version === one).length;
  measured(
    `of ${bought.length} orders bought meanwhile, ${first} ran on the first, ${bought.length - first} on the second`,
  );
  check(
    bought.every(({ version }) => version === one || version === two),
    "an order ran on another version",
  );

  await waiting.finish(slow);
  const ended = await versionsOf(own);
  check(ended[one] === slow.length, `not all slow checkouts ended on ${one}: ${JSON.stringify(ended)}`);
  measured(
    `${slow.length} of ${slow.length} slow checkouts were paid after ${two} was current, and completed on ${one}`,
  );

  await setImage(images.three);
  const gateOf = async () => {
    const { targetVersion, currentVersion } = (await worker()).status;
    const [gate] = targetVersion.testWorkflows ?? [];
    return targetVersion.buildID === two || gate === undefined || gate.status === "Running"
      ? undefined
      : { gate, three: targetVersion.buildID as string, current: currentVersion.buildID as string };
  };
  const { gate, three, current } = await until("the gate of the third version", gateOf, {
    withinMs: 600_000,
    everyMs: 1_000,
  });
  const why = await temporal.workflow
    .getHandle(gate.workflowID)
    .result()
    .then(
      () => "it passed",
      (error: Error) => (error.cause instanceof Error ? error.cause.message : error.message),
    );
  check(
    gate.status === "Failed" && current === two,
    `the third version's gate is ${gate.status}, and ${current} is current`,
  );
  measured(`the gate of ${three} failed: ${why}`);
  const from = buyer.bought().length;
  await until("20 more orders", async () => buyer.bought().length >= from + 20, { withinMs: 300_000 });
  const after = buyer.bought().slice(from);
  check(
    after.every(({ version }) => version === two),
    `after the failed gate, orders ran on ${JSON.stringify(after)}`,
  );
  measured(`${after.length} orders bought after that ran on ${two}, none on ${three}`);
  const synthetic = `synthetic-${gate.runID}-1`;
  await until(
    "the orders of the failed gate to end",
    async () => {
      const states = await waiting.states([`${synthetic}-sold`, `${synthetic}-declined`]);
      return states.join() === "STATE_COMPLETED,STATE_REJECTED";
    },
    { withinMs: 300_000, everyMs: 5_000 },
  );
  measured("the current version ended the two synthetic orders that the failed gate left");
} finally {
  await buyer.stop();
  await setImage(firstImage);
}
measured(`audit: ${await auditShop(shop)}`);
process.stdout.write(`PASS worker versions (${since().toFixed(0)} s)\n`);
await connection.close();
process.exit(0);

/** Follows a rollout until another version is current, printing each change of its status. Returns that version. */
async function rollOut(which: string): Promise<string> {
  const beganAt = since();
  let said = "";
  return await until(
    `the ${which} version to be current`,
    async () => {
      const { targetVersion, currentVersion } = (await worker()).status;
      const { buildID, status, rampPercentage, testWorkflows = [] } = targetVersion;
      const gate = testWorkflows.map((one: KubeObject) => one.status).join() || "not begun";
      const ramp = rampPercentage === undefined ? "" : `, ramp ${rampPercentage} %`;
      const now = `${buildID} is ${status}${ramp}, gate ${gate}; current is ${currentVersion?.buildID}`;
      if (now !== said && buildID !== one) {
        said = now;
        say(`+${(since() - beganAt).toFixed(0)} s: ${now}`);
      }
      check(!/Failed|TimedOut/.test(gate), `the gate of ${buildID} is ${gate}`);
      if (currentVersion?.buildID === one || buildID === one) return undefined;
      measured(
        `${buildID} passed its gate, ramped and is current ${(since() - beganAt).toFixed(0)} s after its image was set`,
      );
      return currentVersion.buildID as string;
    },
    { withinMs: 900_000, everyMs: 1_000 },
  );
}

/** Buys continuously, and records the version that ran each order. */
async function startBuyer() {
  const { OPERATOR_PASSWORD = "", OPERATOR_TOTP_SECRET } = await namespace.secret(shop.objectName("tools"));
  const gateway = await namespace.forward(`svc/${shop.objectName("gateway")}`, 8080);
  const origin = `http://${gateway.address}`;
  const tokens = operatorSession({
    GATEWAY_URL: origin,
    OPERATOR_USERNAME: operatorName,
    OPERATOR_PASSWORD,
    OPERATOR_TOTP_SECRET,
  });
  const send = async (path: string, body: object) => {
    const authorization = (await tokens.authorization()) ?? "";
    const headers = { authorization, "content-type": "application/json", "idempotency-key": uuidv7() };
    const response = await fetch(`${origin}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    check(response.ok, `POST ${path} answered ${response.status}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  };
  const productId = uuidv7();
  const customerId = uuidv7();
  const usd = (minorUnits: string) => ({ currencyCode: "USD", minorUnits });
  await send("/v1/products", {
    product: { id: productId, title: "Bought", price: usd("100") },
    initialOnHand: 1_000_000,
  });
  await send("/v1/accounts", { customerId, currencyCode: "USD" });
  await send(`/v1/accounts/${customerId}:deposit`, { amount: usd("100000000") });
  const bought: { id: string; version: string }[] = [];
  const stopping = new AbortController();
  const buying = (async () => {
    while (!stopping.signal.aborted) {
      const { order } = await send("/v1/orders", { customerId, lines: [{ productId, quantity: 1 }] });
      check(order.state === "STATE_COMPLETED", `order ${order.id} is ${order.state}`);
      // Temporal knows the version only after the workflow's first task.
      const version = await until(`the version of ${order.workflowId}`, async () => {
        const said = await versionOf(order.workflowId);
        return said === "none" ? undefined : said;
      });
      bought.push({ id: order.id, version });
      await sleep(500);
    }
  })();
  buying.catch((error: unknown) => say(`the buyer failed: ${error}`));
  return {
    bought: () => [...bought],
    async stop() {
      stopping.abort();
      await buying.catch(() => undefined);
      await gateway[Symbol.asyncDispose]();
    },
  };
}

/** Returns a logger that drops the SDK's lines. */
function silent() {
  const nothing = () => undefined;
  return { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
}
