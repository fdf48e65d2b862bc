import swagger from "@fastify/swagger";
import { readExamples, withExamples } from "@sagacart/rest/openapi/examples";
import { problemResponses, problemSchema } from "@sagacart/rest/openapi/problems";
import { securitySchemes } from "@sagacart/rest/openapi/security";
import type { FastifyInstance } from "fastify";
import type { Answers } from "./answers.ts";

/**
 * Serves an OpenAPI document at `url` of the routes that are added to this app from now on, made from the schemas that
 * validate them. With `token`, every route needs a token, except those with `security: []` in their schema.
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
    transform({ schema, url: path, route }) {
      const { answers } = route.config ?? {};
      if (answers === undefined && schema?.hide !== true) {
        throw new Error(`${String(route.method)} ${path} does not say what it answers`);
      }
      return { schema: { ...schema, response: documented(answers ?? {}) }, url: path };
    },
    transformObject: (documents) => ("openapiObject" in documents ? withAnswers(documents.openapiObject) : {}),
  });
  app.get(url, { config: { open: true }, schema: { hide: true } }, async () => app.swagger());
}

type Document = { paths?: object; components?: object };

function documented(answers: Answers) {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { contentType = "application/json", ...schema }]) => [
      status,
      { description: "Done.", content: { [String(contentType)]: { schema } } },
    ]),
  );
}

/** The recorded examples of all surfaces, by verb and path. Read when a document is asked for. */
const examplesFile = new URL("examples.json", import.meta.url);

/** Adds the problems that every route may answer with, and an example of what it answers otherwise. */
function withAnswers<D extends Partial<Document>>(document: D): D {
  const paths = Object.entries(document.paths ?? {}).map(([path, operations]: [string, object]) => [
    path,
    Object.fromEntries(
      Object.entries(operations).map(([verb, operation]: [string, { responses?: object }]) => [
        verb,
        { ...operation, responses: { ...operation.responses, ...problems } },
      ]),
    ),
  ]);
  return {
    ...document,
    paths: withExamples(Object.fromEntries(paths), readExamples(examplesFile)),
    components: { ...document.components, schemas: { Problem: problemSchema } },
  };
}

const problems = {
  "4XX": { ...problemResponses["400"], description: "Refused, and nothing was changed: see the reason." },
  "5XX": { ...problemResponses["500"], description: "A bug, or a service that is away." },
};
