import { serviceTokenEnv, tokenEnv } from "@sagacart/chassis/auth/env";
import { durationMs, type Env, flag, int, optional, readEnv, serverEnv, text } from "@sagacart/chassis/process/config";
import { tlsEnv } from "@sagacart/chassis/tls/env";
import { readCertificates, readKey, trustedFile } from "@sagacart/chassis/tls/pem";

export type Config = ReturnType<typeof readConfig>;

/** Reads the worker's environment; nothing else does. Throws ConfigError. */
export function readConfig(env: Env) {
  const { HOST, LOG_LEVEL, ADMIN_PORT, ADMIN_TLS } = serverEnv(8090);
  const { AUTH_AUDIENCE } = tokenEnv();
  return readEnv(
    {
      ...serviceTokenEnv(),
      ...tlsEnv(),
      AUTH_AUDIENCE,
      HOST,
      LOG_LEVEL,
      /** Health and metrics over HTTP/1.1. */
      ADMIN_PORT,
      /** Serve health and metrics over TLS, with TLS_CERT_FILE. */
      ADMIN_TLS,
      /** Temporal's frontend, host:port. */
      TEMPORAL_ADDRESS: text({ default: "127.0.0.1:7233" }),
      TEMPORAL_NAMESPACE: text({ default: "default" }),
      /** An API key, a CA or a client certificate implies TLS. */
      TEMPORAL_API_KEY: optional(text()),
      TEMPORAL_TLS: flag(false),
      TEMPORAL_TLS_CLIENT_CERT_PATH: clientCertificate,
      TEMPORAL_TLS_CLIENT_KEY_PATH: clientKey,
      /** The CA of Temporal's certificate, if it is not a public one. */
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: trustedFile,
      /** The name in Temporal's certificate, if it differs from the address. */
      TEMPORAL_TLS_SERVER_NAME: optional(text()),
      /** Set by the Worker Controller: workflows stay with the version that began them. Absent: unversioned. */
      TEMPORAL_DEPLOYMENT_NAME: optional(text()),
      TEMPORAL_WORKER_BUILD_ID: optional(text()),
      /** How often a worker that has a version asks Temporal which versions are in use. */
      ROUTING_INTERVAL_MS: int({ min: 100, max: 60_000, default: 2_000 }),
      /** How long the last answer stays valid while Temporal does not answer. */
      ROUTING_HOLDS_MS: int({ min: 1_000, max: 600_000, default: 30_000 }),
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      STOCK_ADDRESS: text({ default: "127.0.0.1:8082" }),
      PAYMENT_ADDRESS: text({ default: "127.0.0.1:8083" }),
      SHIPPING_ADDRESS: text({ default: "127.0.0.1:8084" }),
      /** How many batches this worker runs at most. Orders that arrive meanwhile form the next batch. */
      MAX_BATCHES: int({ min: 1, max: 64, default: 4 }),
      /** How long the newest batch must have been running before another one starts beside it. */
      BATCH_STAGGER_MS: durationMs(2_000),
      /** The most orders in a batch. */
      MAX_BATCH_ORDERS: int({ min: 1, max: 1000, default: 1000 }),
      /** How long a claim of commands is valid without being confirmed. */
      CLAIM_LEASE_MS: int({ min: 1000, max: 600_000, default: 10_000 }),
      /** How long an order may be unchanged before it counts as stalled. */
      STALLED_AFTER_MS: durationMs(120_000),
      /** How often to look for stalled orders. */
      STANDING_INTERVAL_MS: int({ min: 100, max: 600_000, default: 30_000 }),
      /** After this long, Temporal gives a workflow task that was lost with its worker to another one. */
      WORKFLOW_TASK_TIMEOUT_MS: int({ min: 1000, max: 60_000, default: 5_000 }),
      /** How long running batches may take to end after SIGTERM. */
      DRAIN_TIMEOUT_MS: durationMs(10_000),
      /** The bundle that worker/bundle.ts wrote; without it, the worker bundles its workflows when it starts. */
      WORKFLOW_BUNDLE_PATH: optional(text()),
    },
    env,
  );
}

function clientCertificate(value: string | undefined, env: Env): string | undefined {
  if (value !== undefined) {
    readCertificates(value);
  } else if ((env.TEMPORAL_TLS_CLIENT_KEY_PATH ?? "") !== "") {
    throw new Error("is not set; it must be the certificate of TEMPORAL_TLS_CLIENT_KEY_PATH");
  }
  return value;
}

function clientKey(value: string | undefined, env: Env): string | undefined {
  if (value !== undefined) {
    readKey(value, undefined);
  } else if ((env.TEMPORAL_TLS_CLIENT_CERT_PATH ?? "") !== "") {
    throw new Error("is not set; it must be the key of TEMPORAL_TLS_CLIENT_CERT_PATH");
  }
  return value;
}
