import { serviceTokenEnv, tokenEnv } from "@sagacart/chassis/auth/env";
import { durationMs, type Env, flag, int, optional, readEnv, serverEnv, text } from "@sagacart/chassis/process/config";
import { tlsEnv } from "@sagacart/chassis/tls/env";
import { readCertificates, readKey, trustedFile } from "@sagacart/chassis/tls/pem";

export type Config = ReturnType<typeof readConfig>;

/** The only reader of the worker's environment. Throws ConfigError. */
export function readConfig(env: Env) {
  const { HOST, LOG_LEVEL, ADMIN_PORT } = serverEnv(8090);
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
      /** Temporal's frontend, host:port. */
      TEMPORAL_ADDRESS: text({ default: "127.0.0.1:7233" }),
      TEMPORAL_NAMESPACE: text({ default: "default" }),
      /** With a key, with a CA or with a certificate of our own, it is TLS. */
      TEMPORAL_API_KEY: optional(text()),
      TEMPORAL_TLS: flag(false),
      TEMPORAL_TLS_CLIENT_CERT_PATH: clientCertificate,
      TEMPORAL_TLS_CLIENT_KEY_PATH: clientKey,
      /** The CA of Temporal's certificate, where it is none that everybody trusts. */
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: trustedFile,
      /** The name in Temporal's certificate, where it is not the address'. */
      TEMPORAL_TLS_SERVER_NAME: optional(text()),
      /** Set by the Worker Controller: workflows stay with the version that began them. Absent: unversioned. */
      TEMPORAL_DEPLOYMENT_NAME: optional(text()),
      TEMPORAL_WORKER_BUILD_ID: optional(text()),
      /** How often a worker that has a version asks Temporal which versions are in use. */
      ROUTING_INTERVAL_MS: int({ min: 100, max: 60_000, default: 2_000 }),
      /** How long the last answer holds while Temporal gives none. */
      ROUTING_HOLDS_MS: int({ min: 1_000, max: 600_000, default: 30_000 }),
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      STOCK_ADDRESS: text({ default: "127.0.0.1:8082" }),
      PAYMENT_ADDRESS: text({ default: "127.0.0.1:8083" }),
      SHIPPING_ADDRESS: text({ default: "127.0.0.1:8084" }),
      /** How many batches this worker has under way at most. What comes meanwhile is the next batch. */
      MAX_BATCHES: int({ min: 1, max: 64, default: 4 }),
      /** How long the newest batch has to be under way before another one starts beside it. */
      BATCH_STAGGER_MS: durationMs(2_000),
      /** How many orders a batch has at most. */
      MAX_BATCH_ORDERS: int({ min: 1, max: 1000, default: 1000 }),
      /** How long a claim of commands holds without being confirmed. */
      CLAIM_LEASE_MS: int({ min: 1000, max: 600_000, default: 10_000 }),
      /** How long an order may stand still before its workflow is looked for. */
      STALLED_AFTER_MS: durationMs(120_000),
      /** How often orders that stand still are looked for. */
      STANDING_INTERVAL_MS: int({ min: 100, max: 600_000, default: 30_000 }),
      /** A workflow task that is lost with its worker is given to another one after this long. */
      WORKFLOW_TASK_TIMEOUT_MS: int({ min: 1000, max: 60_000, default: 5_000 }),
      /** How long what is under way may take to end after SIGTERM. */
      DRAIN_TIMEOUT_MS: durationMs(10_000),
      /** The bundle that `npm run bundle` wrote; absent, the worker makes one when it starts. */
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
