import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { answerStatus } from "../openapi/examples.ts";
import type { Schema } from "../openapi/schema.ts";

// biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document.
type Document = any;

/**
 * Lists what is wrong with the examples of an OpenAPI document, a sentence each: operations without one, and values that their
 * schemas refuse.
 */
export function wrongExamples(document: Document): string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true, unicodeRegExp: false });
  addFormats.default(ajv);
  ajv.addSchema({ $id: "document", components: document.components });
  const refusal = (schema: Schema, value: unknown): string | undefined => {
    const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')));
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  };
  return Object.entries<Document>(document.paths).flatMap(([path, item]) =>
    Object.entries<Document>(item).flatMap(([verb, operation]) => {
      const name = `${verb.toUpperCase()} ${path}`;
      return mediaOf(operation).flatMap(({ what, schema, example, isNeeded }) => {
        if (example === undefined) {
          return isNeeded
            ? [`${name} has no example of ${what}: add it to scripts/examples, and run npm run examples`]
            : [];
        }
        const why = refusal(schema, example);
        return why === undefined ? [] : [`${name}: its example of ${what} is wrong: ${why}. Run npm run examples`];
      });
    }),
  );
}

type Medium = { what: string; schema: Schema; example: unknown; isNeeded: boolean };

function mediaOf({ parameters = [], requestBody, responses }: Document): Medium[] {
  const answer = responses[answerStatus(responses) ?? ""];
  const [answerMedium] = Object.values<Document>(answer?.content ?? {});
  const requestMedium = requestBody?.content["application/json"];
  return [
    ...parameters.map(({ name, required = false, schema, example }: Document) => ({
      ...{ what: `the parameter ${name}`, schema, example },
      isNeeded: required,
    })),
    ...(requestMedium === undefined ? [] : [{ ...requestMedium, what: "its request", isNeeded: true }]),
    { schema: {}, ...answerMedium, what: "its answer", isNeeded: true },
  ];
}
