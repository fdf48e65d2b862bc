import { createServer } from "node:net";
import { strictFetch } from "@sagacart/chassis/client/fetch";
import type { Log } from "@sagacart/chassis/process/log";

/** The metrics endpoint of Temporal's SDK, on loopback. */
export type TemporalMetrics = {
  /** For the runtime of the SDK. */
  readonly bindAddress: string;
  /** Returns Prometheus' text format; empty if the SDK does not answer. */
  read(): Promise<string>;
};

/**
 * Chooses a port for the SDK's own metrics server (pollers, slots, schedule to start latency), since the SDK would not
 * report which one it took. The worker's /metrics includes them, so that there is one address to scrape.
 */
export async function temporalMetrics(log: Log): Promise<TemporalMetrics> {
  const bindAddress = `127.0.0.1:${await freePort()}`;
  return {
    bindAddress,
    async read() {
      try {
        const answer = await strictFetch(`http://${bindAddress}/metrics`, { signal: AbortSignal.timeout(2_000) });
        return await answer.text();
      } catch (error) {
        log.warn({ error }, "cannot read the metrics of Temporal's SDK");
        return "";
      }
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return address !== null && typeof address === "object" ? address.port : 0;
}
