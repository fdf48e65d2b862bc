import { ConfigError, type Env, readEnv, serviceEnv, text } from "@sagacart/chassis/process/config";
import { span } from "./span.ts";

export type Config = ReturnType<typeof readConfig>;

/** The only reader of this service's environment. Throws ConfigError. */
export function readConfig(env: Env) {
  const config = readEnv(
    {
      ...serviceEnv(8081),
      /** Where the stock service is: asked what products cost. */
      STOCK_ADDRESS: text({ default: "127.0.0.1:8082" }),
      /** For how long nobody changes a customer's cart until it expires. A new cart is first looked at after an hour. */
      CART_EXPIRE_AFTER: span("90d"),
      /** The same of a guest's cart. */
      CART_EXPIRE_GUESTS_AFTER: span("30d"),
      /** How long before its end the event is recorded by which a customer is reminded of a cart. */
      CART_REMIND_BEFORE: span("7d"),
    },
    env,
  );
  if (config.CART_REMIND_BEFORE >= config.CART_EXPIRE_AFTER) {
    throw new ConfigError(["CART_REMIND_BEFORE must be shorter than CART_EXPIRE_AFTER"]);
  }
  return config;
}
