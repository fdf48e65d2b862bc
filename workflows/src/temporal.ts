import { readFile } from "node:fs/promises";
import { Client } from "@temporalio/client";
import { NativeConnection } from "@temporalio/worker";
import type { Config } from "./config.ts";

/** A connection, and a client on it: eager start needs that the worker has the same one. */
export async function connectTemporal(config: Config): Promise<{ connection: NativeConnection; client: Client }> {
  const connection = await NativeConnection.connect({
    address: config.TEMPORAL_ADDRESS,
    ...(await tlsOf(config)),
    ...(config.TEMPORAL_API_KEY === undefined ? {} : { apiKey: config.TEMPORAL_API_KEY }),
  });
  return { connection, client: new Client({ connection, namespace: config.TEMPORAL_NAMESPACE }) };
}

async function tlsOf(config: Config) {
  const {
    TEMPORAL_TLS_CLIENT_CERT_PATH: certPath,
    TEMPORAL_TLS_CLIENT_KEY_PATH: keyPath,
    TEMPORAL_TLS_SERVER_NAME: serverName,
  } = config;
  if (!config.TEMPORAL_TLS && config.TEMPORAL_API_KEY === undefined && certPath === undefined) {
    return {};
  }
  const pair =
    certPath === undefined || keyPath === undefined
      ? {}
      : { clientCertPair: { crt: await readFile(certPath), key: await readFile(keyPath) } };
  return { tls: { ...pair, ...(serverName === undefined ? {} : { serverNameOverride: serverName }) } };
}
