import { type Env, readEnv, serviceEnv, text } from "@sagacart/chassis/config";

export type Config = ReturnType<typeof readConfig>;

/** The only reader of this service's environment. Throws ConfigError. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8081),
      /** Where the stock service is: asked what products cost. */
      STOCK_ADDRESS: text({ default: "127.0.0.1:8082" }),
    },
    env,
  );
}
