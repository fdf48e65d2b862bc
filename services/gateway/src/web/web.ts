import { existsSync } from "node:fs";
import { join } from "node:path";
import staticFiles from "@fastify/static";
import { ConfigError } from "@sagacart/chassis/process/config";
import type { FastifyInstance, FastifyReply } from "fastify";

export type WebOptions = {
  /** The folder with the built pages of services/web. */
  readonly directory: string;
  readonly settings: WebSettings;
};

/** The settings that the pages need of this installation. */
export type WebSettings = {
  /** The issuer of the tokens, where people sign in; absent where tokens are not checked. */
  readonly issuer: string | undefined;
  /** The id of the pages as a client of the issuer. */
  readonly clientId: string;
  /** True if the card provider and the carrier are simulated: the pages then offer test payment methods. */
  readonly simulatedProviders: boolean;
  /** The origins whose pictures of products may be shown. */
  readonly pictureOrigins: readonly string[];
  /** Where Temporal's own pages are. */
  readonly temporalUrl: string | undefined;
  /** True if the launcher of a laptop can be called. */
  readonly launcher: boolean;
  /** Where the security log can be read. */
  readonly securityLogUrl: string | undefined;
  /** The audit's CronJob as `namespace/name`. */
  readonly auditCronJob: string | undefined;
  /** Where an operator sees a trace, with `{traceId}` in place of its id. */
  readonly traceUrl: string | undefined;
  /** True if the last traces are read here, at /observe/traces. */
  readonly keepsTraces: true | undefined;
  /** The share of clicks to trace, from 0 to 1; absent where nothing is traced. */
  readonly traceRatio: number | undefined;
};

/**
 * Serves the pages: index.html at `/` and at every path below /shop and /console, since the pages route by themselves, and the
 * files that they load at /assets. All other paths are the API's, so that a wrong one is still a problem and not a page.
 */
export async function web(app: FastifyInstance, { directory, settings }: WebOptions): Promise<void> {
  if (!existsSync(join(directory, "index.html"))) {
    throw new ConfigError([`WEB_DIRECTORY is ${directory}, where there is no index.html: build it with services/web`]);
  }
  const policy = contentSecurityPolicy(settings);
  await app.register(staticFiles, {
    root: join(directory, "assets"),
    prefix: "/assets/",
    preCompressed: true,
    index: false,
    cacheControl: false,
    setHeaders(reply, path) {
      reply.header("cache-control", hashed.test(path) ? "public, max-age=31536000, immutable" : "no-cache");
    },
  });
  const page = async (_request: unknown, reply: FastifyReply) =>
    reply
      .header("content-security-policy", policy)
      .header("cache-control", "no-cache")
      .sendFile("index.html", directory, { cacheControl: false });
  for (const url of ["/", "/shop", "/shop/*", "/console", "/console/*"]) {
    app.get(url, page);
  }
  app.get("/shop/config.json", { config: { caching: { isShared: true, vary: [] } } }, async () => settings);
}

/** A name with a hash of the content, as the build gives them. */
const hashed = /-[\w-]{8}\.\w+(?:\.(?:br|gz))?$/;

/**
 * Returns the policy of the pages: everything from this origin, nothing inline, no evaluated code. An issuer elsewhere may be
 * asked for tokens, and pictures may come from the origins that are configured.
 */
function contentSecurityPolicy({ issuer, pictureOrigins }: WebSettings): string {
  const issuerOrigin = issuer === undefined ? [] : [new URL(issuer).origin];
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src ${["'self'", ...pictureOrigins].join(" ")}`,
    "font-src 'self'",
    `connect-src ${["'self'", ...issuerOrigin].join(" ")}`,
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    "manifest-src 'self'",
    "require-trusted-types-for 'script'",
  ].join("; ");
}
