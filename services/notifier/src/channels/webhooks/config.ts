import { durationMs, type Env, flag, int, list, optional, text } from "@sagacart/chassis/process/config";
import { isNetwork } from "./networks.ts";

/** The variables of webhooks. */
export const webhookEnv = {
  /** Whether an endpoint may have an http URL. What is sent there can be read on the way. */
  WEBHOOK_ALLOW_HTTP: flag(false),
  /** Networks that are not public and may be sent to all the same, as in 10.1.0.0/16,::1/128. */
  WEBHOOK_ALLOW_NETWORKS: networks,
  /** Certificates (PEM) to trust besides the well-known ones; from a file by WEBHOOK_CA_FILE. */
  WEBHOOK_CA: optional(text()),
  /** The name servers that know the endpoints' hosts, as in 9.9.9.9 or 127.0.0.1:53. The system's where absent; not its hosts file. */
  WEBHOOK_DNS_SERVERS: optional(list()),
  /** How long an endpoint may take to answer. */
  WEBHOOK_TIMEOUT_MS: int({ min: 10, max: 60_000, default: 10_000 }),
  /** How many requests may be under way at a time, in all and to one endpoint, from each process. */
  WEBHOOK_CONCURRENCY: int({ min: 1, max: 10_000, default: 500 }),
  WEBHOOK_CONCURRENCY_PER_ENDPOINT: int({ min: 1, max: 1_000, default: 10 }),
  /** The pause after the first failure of a delivery; it doubles with each, up to 3 hours. */
  WEBHOOK_RETRY_MS: durationMs(5_000),
  /** How long after the first try a delivery is given up. */
  WEBHOOK_GIVE_UP_MS: durationMs(86_400_000),
  /** After how many failures in a row an endpoint's circuit opens. */
  WEBHOOK_CIRCUIT_FAILURES: int({ min: 1, max: 10_000, default: 10 }),
  /** How long it stays open at first; that doubles each time it stays so, up to 15 minutes. */
  WEBHOOK_CIRCUIT_PAUSE_MS: durationMs(30_000),
  /** An endpoint that did nothing but fail for so many days is disabled; 0: never. */
  WEBHOOK_DISABLE_DAYS: int({ min: 0, max: 365, default: 5 }),
  /** How long deliveries are kept after they ended, dead letters too. */
  WEBHOOK_KEEP_DAYS: int({ min: 1, max: 3650, default: 30 }),
};

/** What they are read as. */
export type WebhookConfig = { readonly [K in keyof typeof webhookEnv]: ReturnType<(typeof webhookEnv)[K]> };

function networks(value: string | undefined, env: Env): readonly string[] {
  const items = list({ default: [] })(value, env);
  const wrong = items.find((item) => !isNetwork(item));
  if (wrong !== undefined) {
    throw new Error(`must be networks such as 10.1.0.0/16, got ${JSON.stringify(wrong)}`);
  }
  return items;
}
