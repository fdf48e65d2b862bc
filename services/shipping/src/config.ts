import {
  durationMs,
  type Env,
  int,
  readEnv,
  secret,
  secrets,
  serviceEnv,
  text,
  url,
} from "@sagacart/chassis/process/config";

/** Reads shipping's variables. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8084),
      /** The address of order, whose feed of events shipping reads. */
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      /** The address of identity, whose feed tells which users were deleted. */
      IDENTITY_ADDRESS: text({ default: "127.0.0.1:8086" }),
      /** How long after a user's deletion the personal data here is deleted: longer than calls and transactions last. */
      ERASURE_SETTLE_MS: durationMs(30_000),
      CARRIER_URL: url({ protocols: ["http:", "https:"], default: "http://127.0.0.1:8092" }),
      CARRIER_API_KEY: secret(),
      /** The key with which the carrier signs its webhooks; several with commas while it is changed, of which each is valid. */
      CARRIER_WEBHOOK_SECRET: secrets(),
      /** The most concurrent calls to the carrier from this process. */
      CARRIER_CONCURRENCY: int({ min: 1, max: 1000, default: 32 }),
      /** The deadline of a call to the carrier. */
      CARRIER_TIMEOUT_MS: durationMs(10_000),
      /** How long a batch waits for the carrier; a later answer reaches the order by a command. */
      CARRIER_BATCH_MS: durationMs(500),
      /** The pause before a failed call is repeated; it doubles each time, up to a minute. */
      CARRIER_RETRY_MS: durationMs(1_000),
      /** How long to wait for a webhook that the carrier announced, before asking it. */
      CARRIER_RECHECK_MS: durationMs(30_000),
    },
    env,
  );
}

export type Config = ReturnType<typeof readConfig>;
