import type { Verifier } from "@sagacart/chassis/auth/verify";
import { refuseServiceTokens } from "@sagacart/rest/auth";
import { surface } from "@sagacart/rest/observe";
import { probes } from "@sagacart/rest/probes";
import type { Readiness } from "@sagacart/rest/ready";
import { recordRefusals } from "@sagacart/rest/refusals";
import { anonymousBodyLimitOf, createRestServer, type RestServerOptions } from "@sagacart/rest/server";
import type { FastifyInstance } from "fastify";
import { controlCaching } from "./edge/caching.ts";
import { type ConcurrencyLimits, limitConcurrency, unlimitedConcurrency } from "./edge/concurrency.ts";
import { allowOrigins } from "./edge/cors.ts";
import { requireHttps } from "./edge/https-only.ts";
import { type Limits, limitCallers, unlimited } from "./edge/limits.ts";
import { refuseOtherHosts } from "./edge/own-hosts.ts";
import { traces } from "./observe/traces.ts";
import { docs } from "./openapi/docs.ts";
import { openApiDocument } from "./openapi/document.ts";
import { v1Examples } from "./openapi/v1-examples.ts";
import { connect } from "./passthrough/connect.ts";
import { oidc } from "./passthrough/oidc.ts";
import { providerWebhooks } from "./passthrough/provider-webhooks.ts";
import { limitedSurfaces, openSurfaces, surfaceDocuments } from "./passthrough/surfaces.ts";
import type { Services } from "./services.ts";
import { unsubscribe } from "./unsubscribe/unsubscribe.ts";
import { feeds } from "./v1/feeds.ts";
import { v1, v1Bindings } from "./v1/v1.ts";
import { type WebOptions, web } from "./web/web.ts";

export type GatewayOptions = RestServerOptions & {
  readonly services: Services;
  readonly readiness: Readiness;
  /** Checks tokens; absent where tokens are not checked, neither here nor in the services. */
  readonly verifier?: Verifier | undefined;
  readonly corsOrigins: readonly string[];
  /** Limits on what one caller sends; none where absent. */
  readonly limits?: Limits;
  /** Limits on what is under way at a time; none where absent. */
  readonly concurrency?: ConcurrencyLimits;
  /** Where identity serves OpenID Connect. */
  readonly identityUrl: string;
  /** Where the surfaces are; absent where there are none, and their paths are 404. */
  readonly surfacesUrl?: string | undefined;
  /** The trace server of a laptop; absent where there is none, and its path is 404. */
  readonly tracesUrl?: string | undefined;
  /** Refuse requests that came by plain HTTP, here or to a trusted proxy. */
  readonly httpsOnly?: boolean;
  /** Refuse requests for other hosts than this machine and those of these URLs; any host is served where absent. */
  readonly ownUrls?: readonly string[] | undefined;
  /** The pages; absent where none are served, and their paths are 404. */
  readonly web?: WebOptions | undefined;
  /** Serve /metrics here too, and not only on the admin port. */
  readonly showMetrics?: boolean;
  /** Serve /docs and /openapi.json. */
  readonly showDocs?: boolean;
  /** The interval of comments in idle event streams, so that proxies keep the connections open. */
  readonly heartbeatMs?: number;
};

/**
 * Makes the gateway, ready to listen. Closing it takes no more requests, ends event streams, and waits for the requests
 * that are under way.
 */
export function createGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const { services, readiness, metrics, verifier, identityUrl, surfacesUrl, tracesUrl } = options;
  const refusals = recordRefusals(options);
  return createRestServer(options, async (app, stopping) => {
    if (options.httpsOnly === true) {
      requireHttps(app);
    }
    if (options.ownUrls !== undefined) {
      refuseOtherHosts(app, options.ownUrls);
    }
    await allowOrigins(app, options.corsOrigins);
    refuseServiceTokens(app, verifier);
    controlCaching(app);
    await app.register(surface("probes", probes), {
      readiness,
      metrics: options.showMetrics === false ? undefined : metrics,
    });
    await app.register(async (limited) => {
      limitConcurrency(limited, {
        limits: options.concurrency ?? unlimitedConcurrency,
        verifier,
        metrics,
        refusals,
      });
      await limitCallers(limited, { limits: options.limits ?? unlimited, verifier, metrics });
      await limited.register(surface("v1", v1), {
        services,
        verifier,
        bodyLimitBytes: options.bodyLimitBytes,
        heartbeatMs: options.heartbeatMs ?? 15_000,
        stopping,
      });
      await limited.register(surface("unsubscribe", unsubscribe), { services });
      await limited.register(surface("oidc", oidc), { identityUrl });
      await limited.register(surface("connect", connect), {
        services,
        readiness,
        verifier,
        bodyLimitBytes: options.bodyLimitBytes,
        anonymousBodyLimitBytes: anonymousBodyLimitOf(options),
        log: options.log,
        refusals,
        stopping,
      });
      if (tracesUrl !== undefined) {
        await limited.register(surface("observe", traces), { tracesUrl, verifier });
      }
      if (surfacesUrl !== undefined) {
        await limited.register(surface("surfaces", limitedSurfaces), { surfacesUrl });
      }
    });
    if (surfacesUrl !== undefined) {
      await app.register(surface("surfaces", openSurfaces), { surfacesUrl });
    }
    // Without limits: a provider must be able to send all its webhooks.
    await app.register(surface("webhooks", providerWebhooks), { services });
    if (options.web !== undefined) {
      await app.register(surface("web", web), options.web);
    }
    if (options.showDocs !== false) {
      await app.register(surface("docs", docs), {
        document: openApiDocument(v1Bindings, feeds, v1Examples()),
        surfaces: surfacesUrl === undefined ? [] : surfaceDocuments,
      });
    }
  });
}
