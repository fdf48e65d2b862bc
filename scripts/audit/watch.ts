import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { Counter, Gauge } from "prom-client";
import type { Report } from "./finding.ts";

export type WatchOptions = {
  /** One audit; what throws is no result. */
  readonly audit: () => Promise<readonly Report[]>;
  readonly everyMs: number;
  readonly host: string;
  /** Of /metrics, and of /health, which is well while the audits go on. 0: any that is free. */
  readonly port: number;
  /** Told of each audit: of its reports, or of why there are none. */
  readonly told: (result: readonly Report[] | Error) => void;
};

export type Watch = AsyncDisposable & { readonly port: number };

/**
 * Audits again and again, and tells Prometheus: `sagacart_audit_breaches` by law, of the last audit that came to an
 * end; `sagacart_audit_timestamp_seconds`, when that was; `sagacart_audit_duration_seconds`; and
 * `sagacart_audit_runs_total` by outcome (clean, breach, failed).
 */
export async function watchAudit({ audit, everyMs, host, port, told }: WatchOptions): Promise<Watch> {
  const metrics = createMetrics("audit");
  const registers = [metrics];
  const breaches = new Gauge({
    name: "sagacart_audit_breaches",
    help: "Breaches that the last audit found; of one kind at most 20 are told.",
    labelNames: ["law"],
    registers,
  });
  const timestamp = new Gauge({
    name: "sagacart_audit_timestamp_seconds",
    help: "When the last audit ended that could read everything; 0 where there was none.",
    registers,
  });
  const duration = new Gauge({
    name: "sagacart_audit_duration_seconds",
    help: "How long that audit took.",
    registers,
  });
  const runs = new Counter({
    name: "sagacart_audit_runs_total",
    help: "Audits, by what came of them; failed are those that could not read everything.",
    labelNames: ["outcome"],
    registers,
  });
  for (const outcome of ["clean", "breach", "failed"]) {
    runs.inc({ outcome }, 0);
  }

  async function run(): Promise<void> {
    const startMs = performance.now();
    try {
      const reports = await audit();
      for (const { law, findings } of reports) {
        breaches.set({ law: String(law) }, findings.length);
      }
      timestamp.set(Date.now() / 1_000);
      duration.set((performance.now() - startMs) / 1_000);
      runs.inc({ outcome: reports.some(({ findings }) => findings.length > 0) ? "breach" : "clean" });
      told(reports);
    } catch (error) {
      runs.inc({ outcome: "failed" });
      told(error instanceof Error ? error : new Error(String(error)));
    }
  }

  const server = createServer(async (request, response) => {
    switch (request.url) {
      case "/metrics":
        return response.writeHead(200, { "content-type": metrics.contentType }).end(await metrics.metrics());
      case "/health":
        return response.writeHead(200, { "content-type": "text/plain" }).end("alive\n");
      default:
        return response.writeHead(404, { "content-type": "text/plain" }).end("there are /metrics and /health\n");
    }
  });
  server.listen(port, host);
  await once(server, "listening");

  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  let stopping = false;
  const rounds = (async () => {
    while (!stopping) {
      await run();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, everyMs);
      await Promise.race([promise, stopped]);
      clearTimeout(timer);
    }
  })();
  return {
    // It listens on a port, not on a path.
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      stopping = true;
      stop();
      await rounds;
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
