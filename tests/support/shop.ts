import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { audit } from "../../scripts/audit/audit.ts";
import { type CardDashboard, connectDashboard } from "../../scripts/demo/card-dashboard.ts";
import { connectShop, type Shop, stateOf } from "../../scripts/demo/shop.ts";
import { type AuditedDatabase, auditedDatabases } from "../../scripts/shop.ts";
import type { Stack, StackOptions } from "../../scripts/stack/stack.ts";
import { readSecrets } from "../../scripts/stack/state.ts";
import { workflowBundle } from "../../scripts/stack/workflow-bundle.ts";
import { until as waitUntil } from "../../scripts/until.ts";
import { startTestStack } from "./stack.ts";

export type TestShop = AsyncDisposable & {
  readonly stack: Stack;
  readonly shop: Shop;
  /** Events at the card provider outside the shop. */
  readonly dashboard: CardDashboard;
  /** The breaches that the audit finds, a sentence each; by default every order must be final. */
  breaches(options?: { stalledAfterMs?: number; readAgainMs?: number }): Promise<string[]>;
};

/** Starts a whole shop, with a client for each of its services and the audit. */
export async function startShop(
  env: NonNullable<StackOptions["env"]> = {},
  options: Partial<StackOptions> = {},
): Promise<TestShop> {
  const stack = await startTestStack({
    env,
    ...options,
    // These tests kill processes, so errors of the others are expected. TEST_SHOW=true shows them.
    ...(process.env.TEST_SHOW === "true" ? {} : { show: { lines: "errors", line: () => {} } }),
  });
  const shop = connectShop(stack.addresses);
  const { cardProviderApiKey: apiKey } = await readSecrets(stack.stateDirectory);
  return {
    stack,
    shop,
    dashboard: connectDashboard({ address: stack.addresses["card-provider"] ?? "", apiKey }),
    async breaches(options = {}) {
      const urls = Object.fromEntries(auditedDatabases.map((name) => [name, stack.auditUrl(name)]));
      // A url was just made for each of them.
      const reports = await audit({ urls: urls as Record<AuditedDatabase, string>, readAgainMs: 2_000, ...options });
      return reports.flatMap(({ findings }) => findings.map(({ law, what }) => `law ${law}: ${what}`));
    },
    async [Symbol.asyncDispose]() {
      shop[Symbol.dispose]();
      for (const worker of workers) {
        worker.kill("SIGKILL");
      }
      await stack[Symbol.asyncDispose]();
    },
  };
}

/** A worker with faults, instead of the shop's own. */
export type FaultyWorker = {
  readonly process: ChildProcess;
  /** Resolves with the signal (or exit code) that ended it. */
  readonly ended: Promise<NodeJS.Signals | number | null>;
  stop(): Promise<void>;
};

/** The faulty workers of this test file; a failed test leaves its worker running. */
const workers = new Set<ChildProcess>();

/** Starts a faulty worker; FAULT_… variables set its faults. Leases and timeouts are short to keep tests fast. */
export async function startFaultyWorker(stack: Stack, faults: Record<string, string>): Promise<FaultyWorker> {
  const { addresses, temporal } = stack;
  const bundle = await workflowBundle();
  const child = spawn(process.execPath, [fileURLToPath(new URL("faulty-worker.ts", import.meta.url))], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      ADMIN_PORT: "0",
      LOG_LEVEL: "fatal",
      ...stack.tokenEnv("worker"),
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      ORDER_ADDRESS: addresses.order,
      STOCK_ADDRESS: addresses.stock,
      PAYMENT_ADDRESS: addresses.payment,
      SHIPPING_ADDRESS: addresses.shipping,
      ...(bundle === undefined ? {} : { WORKFLOW_BUNDLE_PATH: bundle }),
      ...quickWorker,
      ...faults,
    },
  });
  workers.add(child);
  const ended = once(child, "exit").then(
    ([code, signal]: (NodeJS.Signals | number | null)[]) => signal ?? code ?? null,
  );
  return {
    process: child,
    ended,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
      }
      await ended;
    },
  };
}

/** Settings of a worker that soon takes over what another one left behind. */
export const quickWorker = {
  CLAIM_LEASE_MS: "1000",
  WORKFLOW_TASK_TIMEOUT_MS: "1000",
  STALLED_AFTER_MS: "2000",
  STANDING_INTERVAL_MS: "500",
  ROUTING_INTERVAL_MS: "200",
};

const over: ReadonlySet<Order_State> = new Set([
  Order_State.COMPLETED,
  Order_State.REJECTED,
  Order_State.CANCELLED,
  Order_State.EXPIRED,
]);

/** Waits until the order is final and returns it; retries while a process is being started. */
export async function untilFinal(shop: Shop, id: string, withinMs = 180_000): Promise<Order> {
  let seen = "never answered";
  const what = () => `order ${id} to be final; ${seen}`;
  return await until(withinMs, what, async () => {
    const { order, changes } = await shop.orders.getOrder({ id });
    if (order === undefined) {
      return undefined;
    }
    seen = `its states were ${changes.map(({ state }) => stateOf({ ...order, state })).join(", ")}, in workflow ${order.workflowId}`;
    return over.has(order.state) ? order : undefined;
  });
}

/** Polls until there is an answer; an error counts as none. */
export function until<T>(
  withinMs: number,
  what: string | (() => string),
  ask: () => Promise<T | undefined>,
): Promise<T> {
  return waitUntil(what, ask, { withinMs, everyMs: 25 });
}
