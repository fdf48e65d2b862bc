import { serviceTokenEnv } from "@sagacart/chassis/auth/env";
import { publicConnections } from "@sagacart/chassis/connections/limits";
import { currency, type Env, readEnv, text } from "@sagacart/chassis/process/config";
import { restEnv } from "@sagacart/rest/config";

export type Config = ReturnType<typeof readConfig>;

/** Only the gateway connects, over HTTP/1.1: with a connection for each checkout that waits. */
const fromTheGateway = { ...publicConnections, connections: 20_000, connectionsPerAddress: 0 };

/** The only reader of the surfaces' environment. Throws ConfigError. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...restEnv(8087, fromTheGateway),
      ...serviceTokenEnv(),
      /** Where the services are: `host:port`, `dns:///host:port`, or several with commas. */
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      STOCK_ADDRESS: text({ default: "127.0.0.1:8082" }),
      PAYMENT_ADDRESS: text({ default: "127.0.0.1:8083" }),
      SHIPPING_ADDRESS: text({ default: "127.0.0.1:8084" }),
      IDENTITY_ADDRESS: text({ default: "127.0.0.1:8086" }),
      /** The currency of the surfaces whose requests name none. */
      SHOP_CURRENCY: currency("USD"),
      /** How to pay where users have no money: a payment method, or `balance` for their account. */
      SHOP_PAYMENT_METHOD: text({ default: "pm_ok", pattern: /^.{1,100}$/ }),
    },
    env,
  );
}
