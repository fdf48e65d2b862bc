import { hostname } from "node:os";
import { ConfigError } from "@sagacart/chassis/config";
import { createLog } from "@sagacart/chassis/log";
import { createMetrics } from "@sagacart/chassis/metrics";
import { createActivities } from "./activities.ts";
import { startAdmin } from "./admin.ts";
import { connectServices } from "./clients.ts";
import { readConfig } from "./config.ts";
import { dispatchCheckouts } from "./dispatch-checkouts.ts";
import { dispatchSingles, orderKinds, paymentKinds, shippingKinds } from "./dispatch-singles.ts";
import { dispatchStanding } from "./dispatch-standing.ts";
import { connectTemporal } from "./temporal.ts";
import { createWorker, installRuntime } from "./worker.ts";

try {
  await run();
  process.exit(0);
} catch (error) {
  const message = error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** Runs the worker and its dispatchers until SIGTERM or SIGINT, and then lets the batches under way end. */
async function run(): Promise<void> {
  const stopping = firstSignal();
  const config = readConfig(process.env);
  const log = createLog({ service: "worker", level: config.LOG_LEVEL });
  const metrics = createMetrics("worker");
  installRuntime(log);
  const { services, commands, close } = connectServices(config, metrics);
  const { connection, client: temporal } = await connectTemporal(config);
  const worker = await createWorker({ connection, config, activities: createActivities(services) });
  await using _admin = await startAdmin({
    host: config.HOST,
    port: config.ADMIN_PORT,
    metrics,
    isReady: () => worker.getState() === "RUNNING",
  });
  const running = worker.run();
  const shared = {
    temporal,
    log,
    claimer: `${hostname()}/${process.pid}`,
    leaseMs: config.CLAIM_LEASE_MS,
    workflowTaskTimeoutMs: config.WORKFLOW_TASK_TIMEOUT_MS,
  };
  const checkouts = dispatchCheckouts({
    ...shared,
    commands: commands.order,
    maxBatches: config.MAX_BATCHES,
    maxBatchOrders: config.MAX_BATCH_ORDERS,
  });
  const others = [
    dispatchSingles({ ...shared, name: "dispatch-orders", commands: commands.order, kinds: orderKinds }),
    dispatchSingles({ ...shared, name: "dispatch-payments", commands: commands.payment, kinds: paymentKinds }),
    dispatchSingles({ ...shared, name: "dispatch-shipments", commands: commands.shipping, kinds: shippingKinds }),
    dispatchStanding({
      temporal,
      log,
      commands: commands.order,
      standingAfterMs: config.STANDING_AFTER_MS,
      intervalMs: config.STANDING_INTERVAL_MS,
    }),
  ];
  log.info({ temporal: config.TEMPORAL_ADDRESS, adminPort: config.ADMIN_PORT }, "ready");

  await Promise.race([stopping, running]);
  log.info("draining");
  await Promise.all([checkouts, ...others].map((dispatcher) => dispatcher[Symbol.asyncDispose]()));
  await Promise.race([checkouts.idle(), new Promise((resolve) => setTimeout(resolve, config.DRAIN_TIMEOUT_MS))]);
  if (worker.getState() === "RUNNING") {
    worker.shutdown();
  }
  await running;
  await connection.close();
  close();
}

function firstSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let signals = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      signals++;
      if (signals > 1) {
        process.exit(1);
      }
      resolve();
    });
  }
  return promise;
}
