import { isIP } from "node:net";
import { serviceTokenEnv } from "@sagacart/chassis/auth/env";
import { isLoopback } from "@sagacart/chassis/loopback";
import { type Env, flag, int, list, optional, origins, readEnv, text, url } from "@sagacart/chassis/process/config";
import { restEnv } from "@sagacart/rest/config";

export type Config = ReturnType<typeof readConfig>;

/** The only reader of the gateway's environment. Throws ConfigError. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...restEnv(8080),
      ...serviceTokenEnv(),
      /** Where the services are: `host:port`, `dns:///host:port`, or several with commas. */
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      STOCK_ADDRESS: text({ default: "127.0.0.1:8082" }),
      PAYMENT_ADDRESS: text({ default: "127.0.0.1:8083" }),
      SHIPPING_ADDRESS: text({ default: "127.0.0.1:8084" }),
      NOTIFIER_ADDRESS: text({ default: "127.0.0.1:8085" }),
      IDENTITY_ADDRESS: text({ default: "127.0.0.1:8086" }),
      /** Where identity serves OpenID Connect. */
      IDENTITY_HTTP_URL: url({ protocols: ["http:", "https:"], default: "http://127.0.0.1:8096" }),
      /** Where the launcher of `npm start` serves its RPCs, on this machine: only with SIMULATED_PROVIDERS, and not with HTTPS_ONLY. Absent: there is none. */
      LAUNCHER_ADDRESS: launcherAddress,
      /** Where browsers reach the gateway, if not on this machine or at AUTH_ISSUER. With LAUNCHER_ADDRESS, requests for other hosts are refused. */
      PUBLIC_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** Where the surfaces are. Absent: their paths are 404. */
      SURFACES_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** The folder with the built pages of services/web. Absent: no pages, and `/` is 404. */
      WEB_DIRECTORY: optional(text()),
      /** The id of the pages as a client of AUTH_ISSUER, which must know it: see identity's OIDC_CLIENTS. */
      WEB_CLIENT_ID: text({ default: "sagacart-web" }),
      /** Let the pages offer test payment methods: the card provider and the carrier are simulated. */
      SIMULATED_PROVIDERS: flag(false),
      /** The origins whose pictures of products the pages show, besides their own: `https://images.example`. */
      PICTURE_ORIGINS: origins({ protocols: ["https:"], default: [] }),
      /** Where Temporal's web UI is, for the pages of operators to link to; with `/namespaces/<name>` if that is not `default`. */
      TEMPORAL_UI_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** Where the security log can be read, for the pages of operators to link to. */
      SECURITY_LOG_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** The audit's CronJob as `namespace/name`, for the pages of operators to say how to run it. */
      AUDIT_CRON_JOB: optional(text({ pattern: /^[a-z0-9-]+\/[a-z0-9.-]+$/ })),
      /**
       * Where an operator sees a trace in Jaeger, Tempo or Grafana, with `{traceId}` in place of its id:
       * `https://jaeger.example/trace/{traceId}`.
       */
      TRACE_UI_URL: optional(traceUiUrl),
      /** The trace server of `npm start -- --observe`, on this machine: the console shows its spans. Not for production. */
      TRACES_URL: optional(loopbackUrl),
      /** Refuse requests that came by plain HTTP: here, or to a trusted proxy, by its X-Forwarded-Proto. None is redirected. */
      HTTPS_ONLY: flag(false),
      /** Serve /metrics on the public port too; it is always on ADMIN_PORT. */
      SHOW_METRICS: flag(true),
      /** Serve /docs, the page to try the API, and /openapi.json. */
      SHOW_DOCS: flag(true),
      /** The origins whose pages may call from a browser: `https://shop.example`, or `*` for any. */
      CORS_ORIGINS: origins({ protocols: ["http:", "https:"], default: [], besides: ["*"] }),
      /** The limit of writes of one caller per minute, in each gateway process. 0: no limit. */
      WRITES_PER_MINUTE: int({ min: 0, max: 1_000_000, default: 600 }),
      /** The limit of sign-ins, registrations and resets from one address per minute. 0: no limit. */
      SIGN_INS_PER_MINUTE: int({ min: 0, max: 1_000_000, default: 60 }),
      /** The most requests of one caller under way at a time, in each gateway process. 0: no limit. */
      REQUESTS_PER_CALLER: int({ min: 0, max: 1_000_000, default: 64 }),
      /** The most requests of all callers under way at a time. 0: no limit. */
      REQUESTS_AT_A_TIME: int({ min: 0, max: 1_000_000, default: 2_000 }),
      /** The most event streams of one caller open at a time, in each gateway process. 0: no limit. */
      STREAMS_PER_CALLER: int({ min: 0, max: 1_000_000, default: 20 }),
      /** The most event streams of all callers open at a time. 0: no limit. */
      STREAMS_AT_A_TIME: int({ min: 0, max: 1_000_000, default: 2_000 }),
      /** The most bytes of request bodies of one caller that are not answered yet, in each gateway process. 0: no limit. */
      BODY_BYTES_PER_CALLER: int({ min: 0, max: 1_073_741_824, default: 8_388_608 }),
      /** The most bytes of request bodies of all callers that are not answered yet. 0: no limit. */
      BODY_BYTES_AT_A_TIME: int({ min: 0, max: 1_073_741_824, default: 33_554_432 }),
      /** The proxies before the gateway whose X-Forwarded-For is believed: addresses and networks (10.0.0.0/8). */
      TRUSTED_PROXIES: networks,
    },
    env,
  );
}

/** Its operators can kill processes, so it is for a shop that is tried out, on the machine of its gateway. */
function launcherAddress(value: string | undefined, env: Env): string | undefined {
  if (value === undefined || value === "") {
    return undefined;
  }
  const [, host = ""] = /^(.+):\d{1,5}$/.exec(value) ?? [];
  if (!isLoopback(host)) {
    throw new Error(`must be host:port on this machine, such as 127.0.0.1:4321, got ${JSON.stringify(value)}`);
  }
  if (env.SIMULATED_PROVIDERS !== "true" || env.HTTPS_ONLY === "true") {
    throw new Error("is for a shop that is tried out: it needs SIMULATED_PROVIDERS=true, and not HTTPS_ONLY=true");
  }
  return value;
}

const httpUrl = url({ protocols: ["http:", "https:"] });

function traceUiUrl(value: string | undefined, env: Env): string {
  const template = httpUrl(value, env);
  if (!template.includes("{traceId}")) {
    throw new Error("must have {traceId} where the id of a trace is to stand");
  }
  return template;
}

/** A URL on this machine alone: what is read there has no sign-in of its own. */
function loopbackUrl(value: string | undefined, env: Env): string {
  const { origin, hostname } = new URL(httpUrl(value, env));
  if (!isLoopback(hostname)) {
    throw new Error("must be on this machine, such as http://127.0.0.1:4318");
  }
  return origin;
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
