import { durationMs, type Env, int, readEnv, secret, serviceEnv, text, url } from "@sagacart/chassis/process/config";

/** The variables of shipping. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8084),
      /** Where order serves its feed of events. */
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      CARRIER_URL: url({ protocols: ["http:", "https:"], default: "http://127.0.0.1:8092" }),
      CARRIER_API_KEY: secret(),
      /** What the carrier signs its webhooks with. */
      CARRIER_WEBHOOK_SECRET: secret(),
      /** The most calls to the carrier under way in this process. */
      CARRIER_CONCURRENCY: int({ min: 1, max: 1000, default: 32 }),
      /** When a call to the carrier is given up. */
      CARRIER_TIMEOUT_MS: durationMs(10_000),
      /** How long a batch waits for the carrier; what comes later reaches the order by a command. */
      CARRIER_BATCH_MS: durationMs(500),
      /** The pause before a carrier that failed is asked again; it doubles each time, up to a minute. */
      CARRIER_RETRY_MS: durationMs(1_000),
      /** How long to wait for a webhook that the carrier announced, before asking. */
      CARRIER_RECHECK_MS: durationMs(30_000),
    },
    env,
  );
}

export type Config = ReturnType<typeof readConfig>;
