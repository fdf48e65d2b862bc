import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { audit } from "./audit/audit.ts";
import { printReports } from "./audit/print.ts";
import { cartStories } from "./demo/carts.ts";
import { clusterStage } from "./demo/cluster-stage.ts";
import { connectShop } from "./demo/shop.ts";
import type { Stage } from "./demo/stage.ts";
import { type Story, stories } from "./demo/stories.ts";
import { surfaceStories } from "./demo/surfaces/surfaces.ts";
import { type AuditedDatabase, auditedDatabases } from "./shop.ts";
import { createGuard } from "./stack/guard.ts";
import { seed } from "./stack/seed.ts";
import { startStack } from "./stack/stack.ts";
import { runningShop, type ShopFile, usualStateDirectory } from "./stack/state.ts";

// npm run demo: the stories of a checkout, against the shop that runs here or one of its own. npm run demo -- surfaces:
// those of the systems whose REST the gateway speaks. npm run demo -- carts: carts that last from run to run; with
// --reset it empties them.

const [name = "checkout", ...flags] = process.argv.slice(2);
const collections = {
  checkout: stories,
  surfaces: surfaceStories,
  carts: cartStories({ reset: flags.includes("--reset") }),
};

const say = (line: string) => process.stdout.write(`${line}\n`);

const collection = Object.entries(collections).find(([known]) => known === name)?.[1];
if (collection === undefined) {
  process.stderr.write(`There is no demo ${name}. There are: ${Object.keys(collections).join(", ")}.\n`);
  process.exit(1);
}
process.exitCode = (await run(collection)) ? 0 : 1;

async function run(stories: readonly Story[]): Promise<boolean> {
  await using stage = await findStage();
  using shop = connectShop(stage.addresses);
  const origin = `http://${stage.addresses.gateway}`;
  let told = true;
  for (const [index, { title, tell }] of stories.entries()) {
    say(`\n${index + 1}. ${title}`);
    try {
      const { stateDirectory, replaceWorker } = stage;
      await tell({ shop, origin, stateDirectory, say: (line) => say(`   ${line}`), replaceWorker });
    } catch (error) {
      told = false;
      say(`   FAILED: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  say("");
  const isClean = await stage.audit(say);
  return told && isClean;
}

/** In a cluster where SAGACART_NAMESPACE names it, as Tilt does; or the shop that runs here; or one of its own. */
async function findStage(): Promise<Stage> {
  if (process.env.SAGACART_NAMESPACE !== undefined) {
    return clusterStage(say);
  }
  const running = await runningShop();
  return running === undefined ? ownStage() : visitedStage(running);
}

async function auditHere(auditUrl: (name: AuditedDatabase) => string): Promise<boolean> {
  const urls = Object.fromEntries(auditedDatabases.map((name) => [name, auditUrl(name)]));
  // A url was just taken for each of them.
  return printReports(await audit({ urls: urls as Record<AuditedDatabase, string> }), say) === 0;
}

/** A shop that lasts as long as the stories; what is in it stays where the next run is to find it. */
async function ownStage(): Promise<Stage> {
  say("No shop is running here: starting a temporary one (npm start keeps one).");
  const lasts = name === "carts";
  const guard = createGuard();
  const stack = await startStack({
    stateDirectory: lasts ? usualStateDirectory() : await mkdtemp(join(tmpdir(), "sagacart-demo-")),
    ports: "free",
    temporary: !lasts,
    guard,
    log: (line) => say(`   ${line}`),
  });
  await seed(stack);
  return {
    stateDirectory: stack.stateDirectory,
    addresses: stack.addresses,
    audit: () => auditHere((name) => stack.auditUrl(name)),
    async replaceWorker() {
      const killed = stack.pids().worker ?? 0;
      await stack.kill("worker", "SIGKILL");
      await stack.start("worker");
      return { killed, started: stack.pids().worker ?? 0 };
    },
    async [Symbol.asyncDispose]() {
      await stack.stop();
      guard.dispose();
    },
  };
}

/** A shop that runs already: its own supervisor starts the worker again. */
function visitedStage(shop: ShopFile): Stage {
  say(`Using the running shop of ${shop.stateDirectory}.`);
  return {
    stateDirectory: shop.stateDirectory,
    addresses: shop.addresses,
    audit: () => auditHere((name) => shop.auditUrls[name] ?? ""),
    async replaceWorker() {
      const killed = (await runningShop())?.pids.worker ?? shop.pids.worker ?? 0;
      process.kill(killed, "SIGKILL");
      return { killed, started: await newWorker(killed) };
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function newWorker(old: number): Promise<number> {
  for (let tries = 0; tries < 600; tries++) {
    const pid = (await runningShop())?.pids.worker;
    if (pid !== undefined && pid !== old) {
      return pid;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`worker ${old} was killed, and no other one came within a minute`);
}
