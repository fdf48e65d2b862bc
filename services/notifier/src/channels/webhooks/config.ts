import { durationMs, type Env, flag, int, list, optional, text } from "@sagacart/chassis/process/config";
import { isNetwork } from "./networks.ts";

/** The configuration of webhooks. */
export const webhookEnv = {
  /** Allow endpoints with an unencrypted http URL. */
  WEBHOOK_ALLOW_HTTP: flag(false),
  /** Private networks whose endpoints are allowed, for example 10.1.0.0/16,::1/128. */
  WEBHOOK_ALLOW_NETWORKS: networks,
  /** CA certificates (PEM) to trust besides the public ones. */
  WEBHOOK_CA: optional(text()),
  /** Name servers for the endpoints' hosts, for example 9.9.9.9 or 127.0.0.1:53. The system's by default. The hosts file is not read. */
  WEBHOOK_DNS_SERVERS: optional(list()),
  /** The time limit for an endpoint's answer. */
  WEBHOOK_TIMEOUT_MS: int({ min: 10, max: 60_000, default: 10_000 }),
  /** Concurrent requests of a process to all endpoints. */
  WEBHOOK_CONCURRENCY: int({ min: 1, max: 10_000, default: 500 }),
  /** Concurrent requests of a process to one endpoint. */
  WEBHOOK_CONCURRENCY_PER_ENDPOINT: int({ min: 1, max: 1_000, default: 10 }),
  /** The pause after the first failed attempt of a delivery; it doubles with each, up to 3 hours. */
  WEBHOOK_RETRY_MS: durationMs(5_000),
  /** How long after its first attempt a delivery is given up. */
  WEBHOOK_GIVE_UP_MS: durationMs(86_400_000),
  /** Failures in a row after which an endpoint's circuit opens. */
  WEBHOOK_CIRCUIT_FAILURES: int({ min: 1, max: 10_000, default: 10 }),
  /** How long a circuit stays open at first; doubles each time it opens again, up to 15 minutes. */
  WEBHOOK_CIRCUIT_PAUSE_MS: durationMs(30_000),
  /** Days of failures only after which an endpoint is disabled. 0: never. */
  WEBHOOK_DISABLE_DAYS: int({ min: 0, max: 365, default: 5 }),
  /** Days that ended deliveries are kept, dead letters included. */
  WEBHOOK_KEEP_DAYS: int({ min: 1, max: 3650, default: 30 }),
};

/** The parsed configuration of webhooks. */
export type WebhookConfig = { readonly [K in keyof typeof webhookEnv]: ReturnType<(typeof webhookEnv)[K]> };

function networks(value: string | undefined, env: Env): readonly string[] {
  const items = list({ default: [] })(value, env);
  const wrong = items.find((item) => !isNetwork(item));
  if (wrong !== undefined) {
    throw new Error(`must be networks such as 10.1.0.0/16, got ${JSON.stringify(wrong)}`);
  }
  return items;
}
