import { spawn } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { errorInfo } from "@sagacart/chassis/errors";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { connectShop } from "../../scripts/demo/shop.ts";
import { openNamespace } from "../../scripts/kubernetes/namespace.ts";
import { openShop } from "../../scripts/kubernetes/shop.ts";
import { run } from "../../scripts/program.ts";
import { portOf, serviceNames } from "../../scripts/shop.ts";
import { freePort } from "../../scripts/stack/ports.ts";
import { until } from "../../scripts/until.ts";
import { copyOfClone } from "./copy-of-clone.ts";

// node tests/cluster/tilt.ts [--namespace NAME] [--keep] [--skip-ci]
//
// Tests the inner development loop in the cluster of the current context: `tilt ci` in an empty namespace succeeds; then,
// under `tilt up`, a changed line of services/order is live without an image build. It changes a copy of this clone.

const { values } = parseArgs({
  options: {
    namespace: { type: "string", default: "sagacart-tilt" },
    keep: { type: "boolean", default: false },
    "skip-ci": { type: "boolean", default: false },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const secondsSince = (begin: number) => ((performance.now() - begin) / 1000).toFixed(1);

const offset = 20_000 + Math.floor(Math.random() * 100) * 100;
const port = await freePort();
const env: NodeJS.ProcessEnv = { ...process.env, TILT_PORT: `${port}`, TILT_DISABLE_ANALYTICS: "1", DO_NOT_TRACK: "1" };
const shopArguments = ["--", "--namespace", values.namespace, "--port-offset", `${offset}`];
const namespace = openNamespace({ what: "the current context", env }, values.namespace);
const shop = openShop(namespace, "sagacart");
const clone = await copyOfClone();
/** The number of lines that Tilt had printed before the last change. */
let sinceChange = 0;

try {
  if (!values["skip-ci"]) {
    await namespace.kubectl(["delete", "namespace", values.namespace, "--ignore-not-found", "--wait=true"]);
    await fromNothing();
  }
  await changedLine();
  say("PASS");
} catch (error) {
  say(`FAIL ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  if (!values.keep) {
    await namespace.kubectl(["delete", "namespace", values.namespace, "--ignore-not-found", "--wait=false"]);
  }
  await rm(clone, { recursive: true });
}

async function fromNothing(): Promise<void> {
  const begin = performance.now();
  await run("tilt", ["ci", "--port", `${port}`, "--timeout", "40m", ...shopArguments], {
    env,
    cwd: clone,
    timeoutMs: 2_400_000,
    onLine: tell,
  });
  await shop.ready();
  say(`  - tilt ci in an empty namespace: succeeded after ${secondsSince(begin)} s`);
}

async function changedLine(): Promise<void> {
  const begin = performance.now();
  const tilt = spawn("tilt", ["up", "--stream", "--port", `${port}`, ...shopArguments], {
    env,
    cwd: clone,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const log: string[] = [];
  tilt.stdout.on("data", (chunk) => {
    const lines = `${chunk}`.split("\n").filter(Boolean);
    log.push(...lines);
    lines.map(tell);
  });
  try {
    using client = connectShop(forwarded());
    const orderId = uuidv7();
    const answer = () =>
      client.orders.getOrder({ id: orderId }, { timeoutMs: 5_000 }).then(
        () => "",
        (error: unknown) => errorInfo(error).message,
      );
    await until("an answer over Tilt's port-forward", async () => (await answer()).startsWith("there is no order"), {
      withinMs: 900_000,
      everyMs: 2_000,
    });
    await until("all of Tilt's resources to be done", isIdle, { withinMs: 900_000, everyMs: 2_000 });
    say(`  - tilt up afterwards: answers after ${secondsSince(begin)} s`);
    for (const words of ["nobody knows an order", "nobody has heard of an order"]) {
      await change(words, answer);
    }
    const built = log
      .slice(sinceChange)
      .filter((line) => /building image|Custom Build|Building Dockerfile/i.test(line));
    if (built.length > 0) throw new Error(`an image was built for a changed line: ${built.join("; ")}`);
  } finally {
    tilt.kill();
    await new Promise((resolve) => tilt.once("exit", resolve));
  }

  /** Changes a message in the copy, and waits until the same container of the same pod answers with it. */
  async function change(words: string, answer: () => Promise<string>): Promise<void> {
    sinceChange = log.length;
    const before = await containers();
    const file = join(clone, "services/order/src/orders/order.ts");
    const text = await readFile(file, "utf8");
    const changed = text.replace(/`[a-z ]+ \$\{orderId\}`/, `\`${words} \${orderId}\``);
    if (changed === text) throw new Error(`${file} has no message of the form \`words \${orderId}\` to change`);
    const changedAt = performance.now();
    await writeFile(file, changed);
    await until("the changed line to answer", async () => (await answer()).startsWith(words), { everyMs: 100 });
    say(`  - a changed line of services/order is live after ${secondsSince(changedAt)} s`);
    const after = await containers();
    if (after !== before) throw new Error(`the container was replaced: ${before} → ${after}`);
  }
}

/** Shows Tilt's output without the pods' logs. */
function tell(line: string): void {
  if (!/│ (\{|STEP|-->)/.test(line)) {
    say(line.slice(0, 200));
  }
}

/** Returns the containers of the order service, with their images. */
async function containers(): Promise<string> {
  const pods = await shop.pods("order");
  return pods
    .map(
      ({ metadata, status }) =>
        `${metadata.name} ${status.containerStatuses[0].containerID} ${status.containerStatuses[0].imageID}`,
    )
    .join(", ");
}

async function isIdle(): Promise<boolean> {
  const { items } = JSON.parse(await run("tilt", ["get", "uiresources", "-o", "json"], { env }));
  const busy = items.filter(
    // biome-ignore lint/suspicious/noExplicitAny: an object of Tilt's API.
    ({ status }: any) => ["pending", "in_progress"].includes(status.updateStatus) || status.runtimeStatus === "pending",
  );
  return busy.length === 0;
}

function forwarded(): Readonly<Record<string, string>> {
  return Object.fromEntries(serviceNames.map((name) => [name, `127.0.0.1:${portOf(name) + offset}`]));
}
