import { type Env, readEnv, serviceEnv } from "@sagacart/chassis/config";

/** The variables of shipping. */
export function readConfig(env: Env) {
  return readEnv({ ...serviceEnv(8084) }, env);
}
