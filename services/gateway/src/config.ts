import { isIP } from "node:net";
import { serviceTokenEnv, tokenEnv } from "@sagacart/chassis/auth/env";
import { type Env, flag, int, list, readEnv, serverEnv, text, url } from "@sagacart/chassis/process/config";
import { tlsEnv } from "@sagacart/chassis/tls/env";

export type Config = ReturnType<typeof readConfig>;

/** The only reader of the gateway's environment. Throws ConfigError. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serverEnv(8080),
      ...tokenEnv(),
      ...serviceTokenEnv(),
      ...tlsEnv(),
      /** Serve over TLS with TLS_CERT_FILE; else that is only for calls to the services. Nobody is asked for a certificate. */
      SERVE_TLS: serveTls,
      /** Where the services are: `host:port`, `dns:///host:port`, or several with commas. */
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      STOCK_ADDRESS: text({ default: "127.0.0.1:8082" }),
      PAYMENT_ADDRESS: text({ default: "127.0.0.1:8083" }),
      SHIPPING_ADDRESS: text({ default: "127.0.0.1:8084" }),
      NOTIFIER_ADDRESS: text({ default: "127.0.0.1:8085" }),
      IDENTITY_ADDRESS: text({ default: "127.0.0.1:8086" }),
      /** Where identity serves OpenID Connect. */
      IDENTITY_HTTP_URL: url({ protocols: ["http:", "https:"], default: "http://127.0.0.1:8096" }),
      /** Serve the surfaces that have no sign-in. For a laptop, on loopback. */
      OPEN_SURFACES: flag(false),
      /** Which origins' pages may call from a browser: `https://shop.example`, or `*` for any. */
      CORS_ORIGINS: list({ default: [], pattern: /^(\*|https?:\/\/[^/\s]+)$/ }),
      /** The currency of the surfaces that know none. */
      SHOP_CURRENCY: text({ default: "USD", pattern: /^[A-Z]{3}$/ }),
      /** How the surfaces pay whose users have no money: a payment method, or `balance` for their account. */
      SHOP_PAYMENT_METHOD: text({ default: "pm_ok", pattern: /^.{1,100}$/ }),
      /** How many requests that change something a caller may send a minute, to each gateway. 0: any number. */
      WRITES_PER_MINUTE: int({ min: 0, max: 1_000_000, default: 600 }),
      /** How many sign-ins, registrations and resets may come from an address in a minute. 0: any number. */
      SIGN_INS_PER_MINUTE: int({ min: 0, max: 1_000_000, default: 60 }),
      /** Whose X-Forwarded-For is believed: addresses and networks (10.0.0.0/8) of what stands before the gateway. */
      TRUSTED_PROXIES: networks,
      BODY_LIMIT_BYTES: int({ min: 1024, max: 2 * 1024 * 1024, default: 1024 * 1024 }),
    },
    env,
  );
}

function serveTls(value: string | undefined, env: Env): boolean {
  const serve = flag(false)(value, env);
  if (serve && (env.TLS_CERT_FILE ?? "") === "") {
    throw new Error("is true, and there is no TLS_CERT_FILE to serve with");
  }
  return serve;
}

function networks(value: string | undefined, env: Env): readonly string[] {
  const items = list({ default: [] })(value, env);
  const wrong = items.find((item) => !isNetwork(item));
  if (wrong !== undefined) {
    throw new Error(`must be addresses and networks such as 10.0.0.0/8, got ${JSON.stringify(wrong)}`);
  }
  return items;
}

function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const version = isIP(address);
  const mostBits = version === 6 ? 128 : 32;
  const isRange = bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= mostBits);
  return version !== 0 && isRange && more.length === 0;
}
