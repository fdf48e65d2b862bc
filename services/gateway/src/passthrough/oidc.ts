import type { FastifyInstance } from "fastify";
import { createPassOn } from "./pass-on.ts";

/**
 * Passes OpenID Connect on to identity: discovery, keys, tokens, and the page to sign in. Identity counts attempts by the
 * caller's address, which it takes from the gateway.
 */
export async function oidc(app: FastifyInstance, { identityUrl }: { identityUrl: string }): Promise<void> {
  const handler = createPassOn(app, {
    upstream: identityUrl,
    addressHeader: "x-client-address",
    timeoutMs: 30_000,
    maxConnections: 64,
    unavailable: { reason: "IDENTITY_UNAVAILABLE", message: "sign-in cannot be reached; try again" },
  });
  for (const prefix of ["/oidc", "/.well-known"]) {
    for (const url of [prefix, `${prefix}/*`]) {
      app.route({ method: ["GET", "HEAD", "POST", "OPTIONS"], url, handler });
    }
  }
}
