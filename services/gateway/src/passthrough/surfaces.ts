import type { FastifyInstance } from "fastify";
import { createPassOn, type PassOn } from "./pass-on.ts";

/** The OpenAPI documents that `services/surfaces` serves, for the page that lists all of them. */
export const surfaceDocuments = ["WDM", "Wippy", "Dapr", "Shop"].map((name) => ({
  name,
  url: `/openapi/${name.toLowerCase()}.json`,
}));

/** Passes on the paths of the surfaces that have no sign-in. Nothing counts the requests to them. */
export async function openSurfaces(app: FastifyInstance, { surfacesUrl }: { surfacesUrl: string }): Promise<void> {
  const handler = passOnTo(app, surfacesUrl);
  for (const prefix of ["/payment", "/stock", "/orders", "/submit", "/hello", "/api", "/openapi"]) {
    passAll(app, prefix, handler);
  }
}

/**
 * Passes on the paths of the Flask shop, which have a sign-in. Its writes and its sign-ins are counted together with those
 * that come by /v1, Connect and OpenID Connect, and only here: the process behind counts nothing.
 */
export async function limitedSurfaces(app: FastifyInstance, { surfacesUrl }: { surfacesUrl: string }): Promise<void> {
  const handler = passOnTo(app, surfacesUrl);
  passAll(app, "/api/v1", handler);
  for (const url of ["/api/v1/login", "/api/v1/users"]) {
    app.route({ method: "POST", url, config: { signIn: true }, handler });
    app.route({ method: methods.filter((method) => method !== "POST"), url, handler });
  }
}

function passOnTo(app: FastifyInstance, surfacesUrl: string): PassOn {
  return createPassOn(app, {
    upstream: surfacesUrl,
    addressHeader: "x-forwarded-for",
    // A checkout may wait for ten minutes on the Dapr surface, the longest of all.
    timeoutMs: 630_000,
    // A load test of the WDM surface has a thousand checkouts wait at a time.
    maxConnections: 4_096,
    unavailable: {
      reason: "SURFACES_UNAVAILABLE",
      message: "the surfaces process, which serves this path, cannot be reached; try again",
    },
  });
}

function passAll(app: FastifyInstance, prefix: string, handler: PassOn): void {
  for (const url of [prefix, `${prefix}/*`]) {
    app.route({ method: [...methods], url, handler });
  }
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
