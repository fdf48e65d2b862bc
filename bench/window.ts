import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { taskQueue } from "@sagacart/workflows/sagas/messages";
import { clockMs } from "./callers/messages.ts";
import { cpuBetween, sampleCpu } from "./measure/cpu.ts";
import { historiesOf } from "./measure/history.ts";
import { type RpcTime, rpcsBetween, sampleRpcs } from "./measure/rpcs.ts";
import type { Statement } from "./measure/statements.ts";
import type { Mix } from "./mix.ts";
import type { Options, Way } from "./options.ts";
import type { Shop } from "./shop.ts";
import { percentile, sum } from "./stats.ts";
import { usualTaskQueue } from "./usual/task-queue.ts";

export type Cell = {
  readonly way: Way;
  readonly mix: Mix;
  readonly callers: number;
  readonly round: number;
  /** The most orders of a batch; by default the worker's own limit. */
  readonly batchSize?: number;
};

/** The measurements of one window. */
export type Window = Cell & {
  readonly seconds: number;
  readonly answers: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Errors and unexpected outcomes, with their counts. */
  readonly wrong: Readonly<Record<string, number>>;
  readonly workflows: number;
  readonly eventsPerCheckout: number;
  /** CPU ms per checkout, by process. */
  readonly cpuPerCheckout: Readonly<Record<string, number>>;
  readonly cpuPerCheckoutAll: number;
  /** The busy share of the machine's CPUs, and the share that other programs than this shop used. */
  readonly machineBusy: number;
  readonly busyElsewhere: number;
  /** In ms, on the same clock as profiles. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly pids: Readonly<Record<string, number>>;
  /** The most expensive statements, only while profiling. */
  readonly statements: readonly Statement[];
  /** The calls that were answered inside the window, only while profiling. */
  readonly rpcs: readonly RpcTime[];
};

/**
 * Measures one way with a number of callers: warms up until every caller has been served, which also determines the
 * length of the window; counts the answers inside the window; and waits for the open requests.
 */
export async function measureWindow(shop: Shop, options: Options, cell: Cell): Promise<Window> {
  const { way, mix, callers, round, batchSize } = cell;
  await shop.setWorker(way === "batch", batchSize);
  await becomeQuiet(shop);
  shop.callers.start({ way, mix, callers, carrier: options.carrier, seed: options.seed + round });
  const probedP99Ms = await warmUp(shop, options, callers);
  const wantedMs = Math.max(options.windowMs, options.windowLatencies * probedP99Ms);

  const pids = shop.pids();
  const profiled = options.profile ? shop.metricsAddresses() : {};
  await shop.statements?.reset();
  const rpcsBefore = await sampleRpcs(profiled);
  const from = new Date();
  const fromMs = clockMs();
  const before = sampleCpu(pids);
  await sleep(Math.min(wantedMs, options.windowLimitMs), undefined, { signal: shop.signal });
  const after = sampleCpu(pids);
  const toMs = clockMs();
  const to = new Date();
  const rpcs = rpcsBetween(rpcsBefore, await sampleRpcs(profiled));
  const statements = (await shop.statements?.dearest(20)) ?? [];

  const { latencies, outcomes, wrong } = await shop.callers.stop({ fromMs, toMs });
  const histories =
    way === "plain"
      ? { workflows: 0, events: 0 }
      : await historiesOf(shop.temporal, { taskQueue: way === "usual" ? usualTaskQueue : taskQueue, from, to }).catch(
          // An overloaded server may take long to recover; keep the other measurements.
          () => ({ workflows: Number.NaN, events: Number.NaN }),
        );
  const answers = latencies.length;
  const cpu = cpuBetween(before, after);
  const usedMs = sum(cpu.values());
  const machineMs = after.machineMs - before.machineMs;
  const capacityMs = (toMs - fromMs) * cpus().length;
  return {
    ...cell,
    seconds: (toMs - fromMs) / 1_000,
    answers,
    perSecond: answers / ((toMs - fromMs) / 1_000),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    outcomes,
    wrong,
    workflows: histories.workflows,
    eventsPerCheckout: histories.events / answers,
    cpuPerCheckout: Object.fromEntries([...cpu].map(([name, ms]) => [name, ms / answers])),
    cpuPerCheckoutAll: usedMs / answers,
    machineBusy: machineMs / capacityMs,
    busyElsewhere: Math.max(0, machineMs - usedMs) / capacityMs,
    fromMs,
    toMs,
    pids,
    statements,
    rpcs,
  };
}

/** Measures the CPU use of each process while idle, in ms per second. */
export async function measureIdle(shop: Shop): Promise<Record<string, number>> {
  await becomeQuiet(shop);
  const seconds = 5;
  const before = sampleCpu(shop.pids());
  await sleep(seconds * 1_000, undefined, { signal: shop.signal });
  const cpu = cpuBetween(before, sampleCpu(shop.pids()));
  return Object.fromEntries([...cpu].map(([name, ms]) => [name, ms / seconds]));
}

/** Waits until every caller has had an answer and the warm-up is over. Returns the p99 of the answers so far. */
async function warmUp(shop: Shop, options: Options, callers: number): Promise<number> {
  const startMs = clockMs();
  for (;;) {
    await sleep(200, undefined, { signal: shop.signal });
    const { served, latencies } = await shop.callers.progress();
    const passedMs = clockMs() - startMs;
    if ((served >= callers && passedMs >= options.warmUpMs) || passedMs >= longestWarmUpMs) {
      return latencies.length === 0 ? 0 : percentile(latencies, 0.99);
    }
  }
}

const longestWarmUpMs = 180_000;

/** Waits until the work that the last window left is done (vacuum, Temporal's clean-up), up to a limit. */
async function becomeQuiet(shop: Shop): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const before = sampleCpu(shop.pids());
    await sleep(500);
    const used = sum(cpuBetween(before, sampleCpu(shop.pids())).values());
    if (used < 100) {
      return;
    }
  }
}
