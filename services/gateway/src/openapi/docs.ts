import swagger, { type StaticDocumentSpec } from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { FastifyInstance } from "fastify";

/**
 * Serves `/openapi.json`, and `/docs`, a page to try the API that loads nothing from elsewhere. People sign in on it by OpenID
 * Connect, as the application `docs`, which the laptop's shop and the chart register outside production.
 *
 * The page is Swagger UI's, since it runs under a policy that allows no inline styles. Scalar's needs `style-src 'unsafe-inline'`.
 */
export async function docs(
  app: FastifyInstance,
  { document, surfaces }: { document: Schema; surfaces: readonly { name: string; url: string }[] },
): Promise<void> {
  const text = JSON.stringify(document);
  app.get("/openapi.json", { config: { caching: { isShared: true, vary: [] } } }, async (_request, reply) =>
    reply.type("application/json; charset=utf-8").send(text),
  );
  // A test validates it by OpenAPI's own schema, which is stricter than the type.
  const specification = { document: document as unknown as StaticDocumentSpec["document"] };
  await app.register(swagger, { mode: "static", specification });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    // Replaces the policy for data: the hashes of the page's own scripts and styles.
    staticCSP: true,
    transformStaticCSP: strictPolicy,
    uiConfig: {
      urls: [{ name: "/v1", url: "/openapi.json" }, ...surfaces],
      // The default sends the document's address to a public service.
      validatorUrl: null,
      docExpansion: "none",
      tryItOutEnabled: true,
    },
    initOAuth: { clientId: "docs", scopes: ["openid", "roles", "account"], usePkceWithAuthorizationCodeGrant: true },
  });
}

/**
 * Makes the page's policy as strict as those of all answers: no base, no frames. It leaves out upgrade-insecure-requests: on
 * plain HTTP, it has browsers ask for the page's scripts by HTTPS, which nobody serves there, on every host but localhost.
 * On HTTPS, all that the page loads is from its own origin.
 */
function strictPolicy(policy: string): string {
  return policy
    .replace(/\s*upgrade-insecure-requests;?/, "")
    .replace(/\b(base-uri|frame-ancestors) [^;]*/g, "$1 'none'");
}
