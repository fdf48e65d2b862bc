import swagger, { type StaticDocumentSpec } from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { FastifyInstance } from "fastify";

/** `/openapi.json`, and `/docs`: a page to try it, with all it needs served from here. */
export async function docs(
  app: FastifyInstance,
  { document, surfaces }: { document: Schema; surfaces: readonly { name: string; url: string }[] },
): Promise<void> {
  const text = JSON.stringify(document);
  app.get("/openapi.json", async (_request, reply) => reply.type("application/json; charset=utf-8").send(text));
  // A test holds it to OpenAPI's own schema, which says more than its type.
  const specification = { document: document as unknown as StaticDocumentSpec["document"] };
  await app.register(swagger, { mode: "static", specification });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    // In place of the policy for answers that are data: the hashes of what the page has in it.
    staticCSP: true,
    uiConfig: {
      urls: [{ name: "/v1", url: "/openapi.json" }, ...surfaces],
      // The default sends the document's address to a service outside.
      validatorUrl: null,
      docExpansion: "none",
      tryItOutEnabled: true,
    },
  });
}
