import { type EventLoopUtilization, performance } from "node:perf_hooks";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = Registry;

/** Records how long a call took, and how it ended (a Connect code in lower snake case, or `ok`). */
export type CallMeter = {
  /** A call begins: it is under way until it is observed. */
  begin(): void;
  observe(labels: { rpc_service: string; rpc_method: string; code: string }, seconds: number): void;
};

/**
 * A registry with the process' own metrics (memory, event loop, garbage collection, background loops), labelled by
 * `app`. No label is called `service` or `pod`: Prometheus' operator gives these to whatever it scrapes.
 */
export function createMetrics(app: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry });
  registry.registerMetric(loopFailures);
  let last: EventLoopUtilization | undefined;
  gauge(
    registry,
    "nodejs_eventloop_utilization",
    "How much of the time since the last scrape was busy, 0 to 1.",
    () => {
      const now = performance.eventLoopUtilization();
      const since = performance.eventLoopUtilization(now, last);
      last = now;
      return since.utilization;
    },
  );
  serverMeter(registry);
  clientMeter(registry);
  return registry;
}

/** Rounds of background loops that failed. Of the process, as its memory is: loops know of no registry. */
export const loopFailures = new Counter({
  name: "sagacart_loop_failures_total",
  help: "Rounds of a background loop that failed and are tried again.",
  labelNames: ["loop"],
  registers: [],
});

/**
 * `rpc_server_duration_seconds` by rpc_service, rpc_method and code, and `rpc_server_in_flight`. The same one when
 * asked for again.
 */
export function serverMeter(registry: Metrics): CallMeter {
  return callMeter(registry, "rpc_server", {
    duration: "How long this service took to answer a call.",
    inFlight: "Calls that are being answered, streams too.",
  });
}

/** `rpc_client_duration_seconds` and `rpc_client_in_flight`, likewise. The same one when asked for again. */
export function clientMeter(registry: Metrics): CallMeter {
  return callMeter(registry, "rpc_client", {
    duration: "How long a call to another service took.",
    inFlight: "Calls to other services that are under way, streams too.",
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

/** A gauge whose value is read at the moment somebody scrapes. */
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
