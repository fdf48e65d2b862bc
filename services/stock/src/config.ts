import { durationMs, type Env, readEnv, serviceEnv } from "@sagacart/chassis/process/config";

/** The variables of stock. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8082),
      /** How often to look for reservations whose time is over, to give back what they hold. */
      EXPIRY_INTERVAL_MS: durationMs(1_000),
    },
    env,
  );
}

export type Config = ReturnType<typeof readConfig>;
