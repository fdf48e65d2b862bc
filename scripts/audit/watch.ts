import { once } from "node:events";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { trackAllHttp1 } from "@sagacart/chassis/connections/http1-connections";
import { createHttp1Server } from "@sagacart/chassis/connections/http1-server";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import type { Tls } from "@sagacart/chassis/tls/files";
import { Counter, Gauge } from "prom-client";
import type { Report } from "./finding.ts";

export type WatchOptions = {
  /** Runs one audit. */
  readonly audit: () => Promise<readonly Report[]>;
  readonly everyMs: number;
  readonly host: string;
  /** The port of /metrics and /health. 0: any free port. */
  readonly port: number;
  /** The certificate to serve with; plain text where absent. */
  readonly tls?: Tls | undefined;
  /** Called after each audit, with its reports or its error. */
  readonly onResult: (result: readonly Report[] | Error) => void;
};

export type Watch = AsyncDisposable & { readonly port: number };

/**
 * Repeats the audit and serves metrics: of the last complete audit, `sagacart_audit_breaches` by law,
 * `sagacart_audit_timestamp_seconds` and `sagacart_audit_duration_seconds`; and `sagacart_audit_runs_total` by outcome
 * (clean, breach, failed).
 */
export async function watchAudit({ audit, everyMs, host, port, tls, onResult }: WatchOptions): Promise<Watch> {
  const metrics = createMetrics("audit");
  const registers = [metrics];
  const breaches = new Gauge({
    name: "sagacart_audit_breaches",
    help: "Breaches that the last complete audit found; at most 20 of one kind are counted.",
    labelNames: ["law"],
    registers,
  });
  const timestamp = new Gauge({
    name: "sagacart_audit_timestamp_seconds",
    help: "The time when the last complete audit ended; 0 if there was none.",
    registers,
  });
  const duration = new Gauge({
    name: "sagacart_audit_duration_seconds",
    help: "The duration of the last complete audit.",
    registers,
  });
  const runs = new Counter({
    name: "sagacart_audit_runs_total",
    help: "Audits by outcome; a failed one could not read all databases.",
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
      onResult(reports);
    } catch (error) {
      runs.inc({ outcome: "failed" });
      onResult(error instanceof Error ? error : new Error(String(error)));
    }
  }

  const answer: RequestListener = async (request, response) => {
    switch (request.url) {
      case "/metrics":
        return response.writeHead(200, { "content-type": metrics.contentType }).end(await metrics.metrics());
      case "/health":
        return response.writeHead(200, { "content-type": "text/plain" }).end("alive\n");
      default:
        return response.writeHead(404, { "content-type": "text/plain" }).end("not found; try /metrics or /health\n");
    }
  };
  const server = createHttp1Server(answer, { tls });
  const connections = trackAllHttp1(server);
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
    // A server that listens on a port has an AddressInfo.
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      stopping = true;
      stop();
      connections.announceEnd();
      await rounds;
      await connections.end({ graceMs: 0, limitMs: 500 });
    },
  };
}
