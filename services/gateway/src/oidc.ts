import httpProxy from "@fastify/http-proxy";
import type { FastifyInstance } from "fastify";
import { EdgeError } from "./problem.ts";

/**
 * Passes OpenID Connect on to identity, as it comes: discovery, keys, tokens, and the page to sign in. Identity counts
 * attempts by the caller's address, and believes what the gateway says of it.
 */
export async function oidc(app: FastifyInstance, { identityUrl }: { identityUrl: string }): Promise<void> {
  for (const prefix of ["/oidc", "/.well-known"]) {
    await app.register(httpProxy, {
      upstream: identityUrl,
      prefix,
      rewritePrefix: prefix,
      httpMethods: ["GET", "HEAD", "POST", "OPTIONS"],
      undici: { connections: 64, pipelining: 1, headersTimeout: 30_000, bodyTimeout: 30_000 },
      replyOptions: {
        onError(reply) {
          reply.send(
            new EdgeError("IDENTITY_UNAVAILABLE", "sign-in cannot be reached; try again", {
              headers: { "retry-after": "1" },
            }),
          );
        },
        rewriteRequestHeaders: (request, headers) => ({
          ...headers,
          // Who calls, and nothing that the caller says of that.
          "x-client-address": request.ip,
          "x-request-id": request.id,
          "x-forwarded-for": undefined,
        }),
      },
    });
  }
}
