import "./help.ts";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { audit } from "./audit/audit.ts";
import { printReports } from "./audit/print.ts";
import { connectDashboard } from "./demo/card-dashboard.ts";
import { cartStories } from "./demo/carts.ts";
import { type Cleanup, createCleanup, whatStays } from "./demo/cleanup.ts";
import { clusterTarget } from "./demo/cluster-target.ts";
import { connectShop } from "./demo/shop.ts";
import { stories } from "./demo/stories.ts";
import type { Story } from "./demo/story.ts";
import { surfaceStories } from "./demo/surfaces/surfaces.ts";
import type { Target } from "./demo/target.ts";
import { type AuditedDatabase, auditedDatabases } from "./shop.ts";
import { createGuard } from "./stack/guard.ts";
import { seed } from "./stack/seed.ts";
import { startStack } from "./stack/stack.ts";
import { readSecrets, runningShop, type ShopFile, usualStateDirectory } from "./stack/state.ts";

// Runs stories, which print and check what they do, against the running shop or a temporary one:
//
//     npm run demo                      checkouts
//     npm run demo -- surfaces          the REST APIs of other systems, served by the gateway
//     npm run demo -- carts [--reset]   carts that last from run to run; --reset deletes them
//
// What it makes in a running shop, it removes or sets back at its end, also when a story fails or Ctrl-C interrupts it. Orders,
// payments, movements of stock and mails stay: they are history. So do the carts of `carts`, until --reset.

const [name = "checkout", ...flags] = process.argv.slice(2);
const collections = {
  checkout: stories,
  surfaces: surfaceStories,
  carts: cartStories({ reset: flags.includes("--reset") }),
};

const say = (line: string) => process.stdout.write(`${line}\n`);

const collection = Object.entries(collections).find(([known]) => known === name)?.[1];
if (collection === undefined) {
  process.stderr.write(`There is no demo ${name}. Choose one of: ${Object.keys(collections).join(", ")}.\n`);
  process.exit(1);
}
// An interrupted story goes on in the background.
process.exit((await runStories(collection)) ? 0 : 1);

async function runStories(stories: readonly Story[]): Promise<boolean> {
  await using target = await findTarget();
  using shop = connectShop(target.addresses);
  const origin = `http://${target.addresses.gateway}`;
  const cardProvider = target.addresses["card-provider"];
  const dashboard =
    cardProvider === undefined
      ? undefined
      : connectDashboard({
          address: cardProvider,
          apiKey: (await readSecrets(target.stateDirectory)).cardProviderApiKey,
        });
  const cleanup = createCleanup(shop);
  const { stateDirectory, replaceWorker } = target;
  const interruption = interrupted();
  let passed = true;
  for (const [index, { title, run }] of stories.entries()) {
    say(`\n${index + 1}. ${title}`);
    const context = {
      shop,
      origin,
      stateDirectory,
      say: (line: string) => say(`   ${line}`),
      replaceWorker,
      dashboard,
    };
    try {
      await Promise.race([run({ ...context, cleanup }), interruption.promise]);
    } catch (error) {
      passed = false;
      say(`   FAILED: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (interruption.signal.aborted) {
      break;
    }
  }
  say("");
  const isRemoved = target.isTemporary || (await cleanUp(cleanup));
  return !interruption.signal.aborted && (await target.audit(say)) && passed && isRemoved;
}

async function cleanUp(cleanup: Cleanup): Promise<boolean> {
  say("Removing what the demo made …");
  const left = await cleanup.run();
  for (const sentence of left) {
    say(`   ${sentence}`);
  }
  say(whatStays);
  return left.length === 0;
}

/** Returns a promise that rejects at the first SIGINT or SIGTERM. A second one ends the process as usual. */
function interrupted(): { promise: Promise<never>; signal: AbortSignal } {
  const controller = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  // Without a story to interrupt, nobody waits for it.
  promise.catch(() => {});
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      controller.abort();
      reject(new Error(`interrupted by ${signal}`));
    });
  }
  return { promise, signal: controller.signal };
}

/** Finds the shop to use: in a cluster if SAGACART_NAMESPACE is set (as by Tilt), else the running or a temporary one. */
async function findTarget(): Promise<Target> {
  if (process.env.SAGACART_NAMESPACE !== undefined) {
    return clusterTarget(say);
  }
  const running = await runningShop();
  return running === undefined ? temporaryTarget() : runningTarget(running);
}

async function auditHere(auditUrl: (name: AuditedDatabase) => string): Promise<boolean> {
  const urls = Object.fromEntries(auditedDatabases.map((name) => [name, auditUrl(name)]));
  // The line above made a url for each of them.
  return printReports(await audit({ urls: urls as Record<AuditedDatabase, string> }), say) === 0;
}

/** Starts a shop for the stories. The demo of carts keeps its data for the next run. */
async function temporaryTarget(): Promise<Target> {
  say("No shop is running here: starting a temporary one (npm start starts one that stays).");
  const keepsData = name === "carts";
  const guard = createGuard();
  const stack = await startStack({
    stateDirectory: keepsData ? usualStateDirectory() : await mkdtemp(join(tmpdir(), "sagacart-demo-")),
    ports: "free",
    temporary: !keepsData,
    guard,
    log: (line) => say(`   ${line}`),
  });
  await seed(stack);
  return {
    stateDirectory: stack.stateDirectory,
    addresses: stack.addresses,
    isTemporary: !keepsData,
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

/** Uses the running shop, whose supervisor restarts the worker. */
function runningTarget(shop: ShopFile): Target {
  say(`Using the running shop of ${shop.stateDirectory}.`);
  return {
    stateDirectory: shop.stateDirectory,
    addresses: shop.addresses,
    isTemporary: false,
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
  throw new Error(`worker ${old} was killed, and no new one started within a minute`);
}
