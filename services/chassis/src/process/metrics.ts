import { type EventLoopUtilization, performance } from "node:perf_hooks";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = Registry;

/** Records calls: their number in progress, duration and code (a Connect code in lower snake case, or `ok`). */
export type CallMeter = {
  /** Begins a call: it is in progress until it is observed. */
  begin(): void;
  observe(labels: { rpc_service: string; rpc_method: string; code: string }, seconds: number): void;
};

/**
 * Creates a registry with the process's own metrics (memory, event loop, garbage collection, background loops), with the
 * label `app`. No label is called `service` or `pod`: the Prometheus operator adds these to its targets.
 */
export function createMetrics(app: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry });
  registry.registerMetric(loopFailures);
  let last: EventLoopUtilization | undefined;
  gauge(registry, "nodejs_eventloop_utilization", "The busy share of the time since the last scrape, 0 to 1.", () => {
    const now = performance.eventLoopUtilization();
    const since = performance.eventLoopUtilization(now, last);
    last = now;
    return since.utilization;
  });
  serverMeter(registry);
  clientMeter(registry);
  return registry;
}

/** Failed rounds of background loops, for the whole process, since loops have no registry. */
export const loopFailures = new Counter({
  name: "sagacart_loop_failures_total",
  help: "Failed rounds of a background loop, which are retried.",
  labelNames: ["loop"],
  registers: [],
});

/**
 * Returns the meter for `rpc_server_duration_seconds` by rpc_service, rpc_method and code, and `rpc_server_in_flight`. One
 * for each registry.
 */
export function serverMeter(registry: Metrics): CallMeter {
  return callMeter(registry, "rpc_server", {
    duration: "How long this service took to answer a call.",
    inFlight: "Calls in progress, including streams.",
  });
}

/** Returns the meter for `rpc_client_duration_seconds` and `rpc_client_in_flight`. One for each registry. */
export function clientMeter(registry: Metrics): CallMeter {
  return callMeter(registry, "rpc_client", {
    duration: "How long a call to another service took.",
    inFlight: "Calls to other services in progress, including streams.",
  });
}

const callMeters = new WeakMap<Metrics, Map<string, CallMeter>>();

function callMeter(registry: Metrics, prefix: string, help: { duration: string; inFlight: string }): CallMeter {
  const known = callMeters.get(registry) ?? new Map<string, CallMeter>();
  callMeters.set(registry, known);
  const existing = known.get(prefix);
  if (existing !== undefined) {
    return existing;
  }
  const durations = new Histogram({
    name: `${prefix}_duration_seconds`,
    help: help.duration,
    labelNames: ["rpc_service", "rpc_method", "code"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  let inFlight = 0;
  gauge(registry, `${prefix}_in_flight`, help.inFlight, () => inFlight);
  const meter: CallMeter = {
    begin() {
      inFlight++;
    },
    observe(labels, seconds) {
      inFlight--;
      durations.observe(labels, seconds);
    },
  };
  known.set(prefix, meter);
  return meter;
}

/** Registers a gauge whose value is read at each scrape. */
export function gauge(registry: Metrics, name: string, help: string, read: () => number): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    }),
  );
}
