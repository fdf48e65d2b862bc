import type { AddressInfo } from "node:net";
import type { Log } from "@sagacart/chassis/process/log";
import type { FaultTimes } from "./faults.ts";
import { createFakeCarrier } from "./server.ts";
import { openStore } from "./store.ts";
import { startSender } from "./webhooks.ts";

export type FakeCarrierOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** An SQLite file, or ":memory:". */
  stateFile: string;
  apiKey: string;
  webhookUrl: string;
  webhookSecret: string;
  times: FaultTimes;
  log: Log;
};

/** Starts the carrier: what it answers, and what it sends. Rejects when the port is taken. */
export async function startFakeCarrier(
  options: FakeCarrierOptions,
): Promise<AsyncDisposable & { readonly url: string }> {
  const { host, apiKey, times, log } = options;
  const store = openStore(options.stateFile);
  const sender = startSender({ store, url: options.webhookUrl, secret: options.webhookSecret, log });
  const server = createFakeCarrier({ store, apiKey, times, onWebhooks: sender.wake });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(options.port, host, resolve);
  await listening;
  // A server that listens on a port has an address with one.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await sender[Symbol.asyncDispose]();
      store.close();
    },
  };
}
