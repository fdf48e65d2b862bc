import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { securitySchemes } from "./document.ts";
import { problemResponses, problemSchema } from "./problems.ts";

/**
 * Serves at `url` a document of the routes that are added to this app from now on, made of the schemas that they are
 * held to. Where a token is needed, a route that is open all the same says so: `security: []` in its schema.
 */
export async function serveSurfaceDocument(
  app: FastifyInstance,
  { title, description, url, token }: { title: string; description: string; url: string; token: boolean },
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title, description, version: "1" },
      servers: [{ url: "/" }],
      security: token ? [{ token: [] }] : [],
      ...(token ? { components: { securitySchemes } } : {}),
    },
    transformObject: (documents) => ("openapiObject" in documents ? withAnswers(documents.openapiObject) : {}),
  });
  app.get(url, { config: { open: true }, schema: { hide: true } }, async () => app.swagger());
}

type Document = { paths?: object; components?: object };

/** Each route answers JSON when it is done, and a problem when it is not. */
function withAnswers<D extends Partial<Document>>(document: D): D {
  const paths = Object.entries(document.paths ?? {}).map(([path, operations]: [string, object]) => [
    path,
    Object.fromEntries(Object.entries(operations).map(([verb, operation]) => [verb, { ...operation, responses }])),
  ]);
  return {
    ...document,
    paths: Object.fromEntries(paths),
    components: { ...document.components, schemas: { Problem: problemSchema } },
  };
}

const responses = {
  "2XX": { description: "Done.", content: { "application/json": { schema: {} } } },
  "4XX": { ...problemResponses["400"], description: "Refused, and nothing was changed: the reason says why." },
  "5XX": { ...problemResponses["500"], description: "Ours to mend: a bug, or a service that is away." },
};
