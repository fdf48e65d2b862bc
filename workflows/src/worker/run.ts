import { hostname } from "node:os";
import { serviceTokensOf } from "@sagacart/chassis/auth/env";
import { createLog } from "@sagacart/chassis/process/log";
import { createMetrics, gauge } from "@sagacart/chassis/process/metrics";
import { atMost } from "@sagacart/chassis/time/at-most";
import { openTls } from "@sagacart/chassis/tls/files";
import { startTracing } from "@sagacart/chassis/trace/start";
import { createActivities } from "../activities/activities.ts";
import { createCarry } from "../activities/carry.ts";
import { createFinishedBatches } from "../activities/finished-batches.ts";
import { measuredSteps } from "../activities/measured.ts";
import { createSyntheticSteps } from "../activities/synthetic.ts";
import { type CommandSources, connectServices, type Services } from "../clients.ts";
import type { Config } from "../config.ts";
import { dispatchCheckouts } from "../dispatch/checkouts.ts";
import { createMeters } from "../dispatch/meters.ts";
import { createOrderSearch } from "../dispatch/order-search.ts";
import { unversioned, watchRouting } from "../dispatch/routing.ts";
import { dispatchSingles, orderKinds, paymentKinds, shippingKinds } from "../dispatch/singles.ts";
import { dispatchStalled } from "../dispatch/stalled.ts";
import { startAdmin } from "./admin.ts";
import { connectTemporal } from "./temporal.ts";
import { temporalMetrics } from "./temporal-metrics.ts";
import { createWorker, installRuntime, versionOf } from "./worker.ts";

/** Wrappers that a test puts around the parts of a worker, to make it fail at a chosen moment. */
export type Wrappers = {
  readonly services?: (services: Services) => Services;
  readonly commands?: (commands: CommandSources) => CommandSources;
  readonly activities?: <Activities extends object>(activities: Activities) => Activities;
};

/**
 * Runs the worker, and the dispatchers that start its workflows, until `stopping` resolves or the certificates for
 * Temporal were renewed. Then it claims nothing more, waits at most DRAIN_TIMEOUT_MS for running batches to end, and
 * shuts the worker down. While Temporal is unreachable at the start, it waits, alive and not ready.
 */
export async function runWorker(config: Config, stopping: Promise<void>, wrap: Wrappers = {}): Promise<void> {
  const log = createLog({ service: "worker", level: config.LOG_LEVEL });
  const metrics = createMetrics("worker");
  const sdkMetrics = await temporalMetrics(log);
  installRuntime(log, sdkMetrics);
  // Closed last, since the other parts still add spans when they end.
  await using _tracing = await startTracing({ service: "worker", log });
  const tls = openTls({ config, log, metrics });
  const tokens = serviceTokensOf(config, log);
  const connected = connectServices(config, metrics, tokens, tls);
  const services = wrap.services?.(connected.services) ?? connected.services;
  const commands = wrap.commands?.(connected.commands) ?? connected.commands;
  const finished = createFinishedBatches();
  const steps = wrapped(measuredSteps(createActivities(services), metrics), wrap);
  const carry = wrapped(createCarry(steps, finished), wrap);
  let isReady = () => false;
  gauge(metrics, "sagacart_ready", "1 while the worker polls Temporal, as /ready says.", () => (isReady() ? 1 : 0));
  await using _admin = await startAdmin({
    host: config.HOST,
    port: config.ADMIN_PORT,
    metrics: async () => `${await metrics.metrics()}\n${await sdkMetrics.read()}`,
    isReady: () => isReady(),
    stopping,
    tls: config.ADMIN_TLS ? tls : undefined,
  });
  const close = async () => {
    connected.close();
    await tokens?.[Symbol.asyncDispose]();
  };
  const found = await connectTemporal(config, { log, stopping });
  if (found === undefined) {
    await close();
    return;
  }
  const { connection, client: temporal } = found;
  const activities = { ...steps, ...carry, ...createSyntheticSteps(services) };
  const worker = await createWorker({ connection, config, activities });
  isReady = () => worker.getState() === "RUNNING";
  const running = worker.run();
  const version = versionOf(config);
  await using routing =
    version === undefined
      ? unversioned
      : watchRouting({
          temporal,
          log,
          version,
          intervalMs: config.ROUTING_INTERVAL_MS,
          holdsForMs: config.ROUTING_HOLDS_MS,
        });
  gauge(metrics, "sagacart_worker_in_use", "1 while this version of the worker runs new orders.", () =>
    routing.isInUse() ? 1 : 0,
  );
  const meters = createMeters(metrics, config.MAX_BATCHES);
  const shared = {
    temporal,
    services,
    routing,
    search: createOrderSearch(log),
    log,
    meters,
    claimer: `${hostname()}/${process.pid}`,
    leaseMs: config.CLAIM_LEASE_MS,
    workflowTaskTimeoutMs: config.WORKFLOW_TASK_TIMEOUT_MS,
  };
  const checkouts = dispatchCheckouts({
    ...shared,
    commands: commands.order,
    finished,
    maxBatches: config.MAX_BATCHES,
    staggerMs: config.BATCH_STAGGER_MS,
    maxBatchOrders: config.MAX_BATCH_ORDERS,
  });
  const others = [
    dispatchSingles({ ...shared, name: "dispatch-orders", commands: commands.order, kinds: orderKinds }),
    dispatchSingles({ ...shared, name: "dispatch-payments", commands: commands.payment, kinds: paymentKinds }),
    dispatchSingles({ ...shared, name: "dispatch-shipments", commands: commands.shipping, kinds: shippingKinds }),
    dispatchStalled({
      temporal,
      routing,
      log,
      meters,
      commands: commands.order,
      stalledAfterMs: config.STALLED_AFTER_MS,
      intervalMs: config.STANDING_INTERVAL_MS,
    }),
  ];
  log.info({ temporal: config.TEMPORAL_ADDRESS, adminPort: config.ADMIN_PORT }, "ready");

  const outdated = found.outdated.then(() =>
    log.warn("the certificates for Temporal were renewed: shutting down, to be started again"),
  );
  await Promise.race([stopping, running, outdated]);
  log.info("draining");
  await Promise.all([checkouts, ...others].map((dispatcher) => dispatcher[Symbol.asyncDispose]()));
  await atMost(config.DRAIN_TIMEOUT_MS, checkouts.idle());
  if (worker.getState() === "RUNNING") {
    worker.shutdown();
  }
  await running;
  await found.close();
  await close();
}

function wrapped<Activities extends object>(activities: Activities, { activities: wrap }: Wrappers): Activities {
  return wrap?.(activities) ?? activities;
}
