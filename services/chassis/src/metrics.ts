import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = Registry;

/** Records how long a call took, and how it ended (a Connect code in lower snake case, or `ok`). */
export type CallMeter = { observe(labels: { service: string; method: string; code: string }, seconds: number): void };

/** A registry with the process' own metrics (memory, event loop lag, garbage collection), labelled by service. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ app: service });
  collectDefaultMetrics({ register: registry });
  serverMeter(registry);
  clientMeter(registry);
  return registry;
}

/** `rpc_server_duration_seconds` by service, method and code. The same one when asked for again. */
export function serverMeter(registry: Metrics): CallMeter {
  return callHistogram(registry, "rpc_server_duration_seconds", "How long this service took to answer a call.");
}

/** `rpc_client_duration_seconds` by service, method and code. The same one when asked for again. */
export function clientMeter(registry: Metrics): CallMeter {
  return callHistogram(registry, "rpc_client_duration_seconds", "How long a call to another service took.");
}

function callHistogram(registry: Metrics, name: string, help: string): CallMeter {
  const existing = registry.getSingleMetric(name);
  if (existing instanceof Histogram) {
    return existing;
  }
  return new Histogram({
    name,
    help,
    labelNames: ["service", "method", "code"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
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
