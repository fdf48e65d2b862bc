import { durationMs, type Env, readEnv, serviceEnv } from "@sagacart/chassis/process/config";

/** Reads the configuration of stock from the environment. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8082),
      /** How often to release the stock of expired reservations. */
      EXPIRY_INTERVAL_MS: durationMs(1_000),
    },
    env,
  );
}
