import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Log } from "@sagacart/chassis/process/log";
import { backoffMs } from "@sagacart/chassis/time/backoff";
import { Client } from "@temporalio/client";
import { NativeConnection, type NativeConnectionOptions } from "@temporalio/worker";
import type { Config } from "../config.ts";
import { startInterceptors } from "../trace/worker-interceptors.ts";

export type Temporal = {
  readonly connection: NativeConnection;
  /** On the same connection, which eager start needs. */
  readonly client: Client;
  /**
   * Resolves when a certificate for Temporal has changed. A connection keeps the certificates that it was made with,
   * even when it reconnects: the worker has to be restarted before they expire.
   */
  readonly outdated: Promise<void>;
  close(): Promise<void>;
};

export type ConnectOptions = {
  log: Log;
  /** Ends the wait for Temporal. */
  stopping: Promise<void>;
  /** How often to check whether certificates have changed. */
  checkMs?: number;
};

/**
 * Connects to Temporal. Retries while Temporal is unreachable, refuses us, or does not know the namespace, since it may
 * be installed after the worker. Returns undefined when `stopping` resolves first.
 */
export async function connectTemporal(config: Config, options: ConnectOptions): Promise<Temporal | undefined> {
  const stopped = options.stopping.then(() => "stopped" as const);
  for (let failures = 0; ; failures++) {
    try {
      // A connection made after the stop is discarded with the process.
      const found = await Promise.race([connect(config, options), stopped]);
      return found === "stopped" ? undefined : found;
    } catch (error) {
      const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = config;
      options.log.warn({ error, address, namespace }, "cannot use Temporal yet; retrying");
      const pauseMs = backoffMs(failures, { firstMs: 500, longestMs: 5_000 });
      if ((await Promise.race([setTimeout(pauseMs, "again" as const), stopped])) === "stopped") {
        return undefined;
      }
    }
  }
}

async function connect(config: Config, { checkMs = 10_000 }: ConnectOptions): Promise<Temporal> {
  const files = readFiles(config);
  const connection = await NativeConnection.connect(connectionOptions(config, files));
  try {
    await connection.withDeadline(Date.now() + 5_000, () =>
      connection.workflowService.describeNamespace({ namespace: config.TEMPORAL_NAMESPACE }),
    );
  } catch (error) {
    await connection.close();
    throw error;
  }
  const { promise: outdated, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (haveChanged(config, files)) {
      resolve();
    }
  }, checkMs);
  timer.unref();
  return {
    connection,
    client: new Client({ connection, namespace: config.TEMPORAL_NAMESPACE, interceptors: startInterceptors() }),
    outdated,
    async close() {
      clearInterval(timer);
      await connection.close();
    },
  };
}

type Files = { readonly ca: Buffer | undefined; readonly crt: Buffer | undefined; readonly key: Buffer | undefined };

function readFiles(config: Config): Files {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
  return {
    ca: read(config.TEMPORAL_TLS_SERVER_CA_CERT_PATH),
    crt: read(config.TEMPORAL_TLS_CLIENT_CERT_PATH),
    key: read(config.TEMPORAL_TLS_CLIENT_KEY_PATH),
  };
}

function haveChanged(config: Config, { ca, crt, key }: Files): boolean {
  try {
    const now = readFiles(config);
    return [now.ca?.equals(ca ?? now.ca), now.crt?.equals(crt ?? now.crt), now.key?.equals(key ?? now.key)].includes(
      false,
    );
  } catch {
    // The files are just being replaced.
    return false;
  }
}

function connectionOptions(config: Config, { ca, crt, key }: Files): NativeConnectionOptions {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: apiKey, TEMPORAL_TLS_SERVER_NAME: serverName } = config;
  const isSecure = config.TEMPORAL_TLS || [apiKey, ca, crt].some((given) => given !== undefined);
  const tls = {
    ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt, key } }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
  };
  return { address, ...(isSecure ? { tls } : {}), ...(apiKey === undefined ? {} : { apiKey }) };
}
