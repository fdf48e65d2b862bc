import { durationMs, type Env, int, readEnv, secret, serviceEnv, text, url } from "@sagacart/chassis/process/config";

/** The variables of payment. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8083),
      /** What an account is in where nobody says. */
      SHOP_CURRENCY: text({ default: "USD", pattern: /^[A-Z]{3}$/ }),
      PROVIDER_URL: url({ protocols: ["http:", "https:"], default: "http://127.0.0.1:8091" }),
      PROVIDER_API_KEY: secret(),
      /** What the card provider signs its webhooks with. */
      PROVIDER_WEBHOOK_SECRET: secret(),
      /** The most calls to the provider under way in this process. */
      PROVIDER_CONCURRENCY: int({ min: 1, max: 1000, default: 32 }),
      /** When a call to the provider is given up. */
      PROVIDER_TIMEOUT_MS: durationMs(10_000),
      /** How long a batch waits for the provider; what comes later reaches the order by a command. */
      PROVIDER_BATCH_MS: durationMs(500),
      /** The pause before a provider that failed is asked again; it doubles each time, up to a minute. */
      PROVIDER_RETRY_MS: durationMs(1_000),
      /** How long to wait for a webhook that the provider announced, before asking. */
      PROVIDER_RECHECK_MS: durationMs(30_000),
    },
    env,
  );
}

export type Config = ReturnType<typeof readConfig>;
