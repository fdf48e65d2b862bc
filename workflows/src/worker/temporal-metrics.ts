import { createServer } from "node:net";
import type { Log } from "@sagacart/chassis/process/log";

/** Where Temporal's SDK tells its metrics, on loopback, and how to read them. */
export type TemporalMetrics = {
  /** For the runtime of the SDK. */
  readonly bindAddress: string;
  /** Prometheus' text; empty where the SDK does not answer. */
  read(): Promise<string>;
};

/**
 * The SDK's metrics (pollers, slots, schedule to start latency) come from a server of its own, which is not told its
 * port: a free one is looked up. The worker's /metrics passes them on, so that there is one address to scrape.
 */
export async function temporalMetrics(log: Log): Promise<TemporalMetrics> {
  const bindAddress = `127.0.0.1:${await freePort()}`;
  return {
    bindAddress,
    async read() {
      try {
        const answer = await fetch(`http://${bindAddress}/metrics`, { signal: AbortSignal.timeout(2_000) });
        return await answer.text();
      } catch (error) {
        log.warn({ error }, "the metrics of Temporal's SDK could not be read");
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
