import type { Schema } from "./schema.ts";

/** The body of every error. */
export const problemSchema: Schema = {
  type: "object",
  description: "RFC 9457.",
  required: ["type", "title", "status", "detail", "reason", "metadata", "violations", "requestId", "error"],
  properties: {
    type: { type: "string", format: "uri", description: "https://sagacart.dev/errors/<domain>/<reason>" },
    title: { type: "string", description: "The code: NOT_FOUND, FAILED_PRECONDITION …" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: { type: "string", description: "For people." },
    reason: { type: "string", description: "For programs: UPPER_SNAKE, and stays what it is." },
    metadata: { type: "object", additionalProperties: { type: "string" }, description: "What the detail names." },
    violations: {
      type: "array",
      description: "Each field that is wrong.",
      items: {
        type: "object",
        required: ["field", "rule", "message"],
        properties: {
          field: { type: "string", description: "`lines[0].quantity`; empty for the request as a whole." },
          rule: { type: "string" },
          message: { type: "string" },
        },
      },
    },
    requestId: { type: "string", description: "Also in the header X-Request-Id, and in the logs." },
    error: { type: "string", description: "The same as detail." },
  },
};

const meanings: Readonly<Record<string, string>> = {
  "400": "The request is wrong, whatever the state: the violations name each field.",
  "401": "There is no token, or a bad one; or a password, a signature or another proof is wrong.",
  "403": "This is not yours to do.",
  "404": "There is none.",
  "405": "The path is there for other methods: the header Allow names them.",
  "409": "The state forbids it, somebody was faster, or it exists already with other content.",
  "413": "The body is larger than what is taken.",
  "415": "The body is not application/json.",
  "422": "The Idempotency-Key was used for another request.",
  "429": "Too many requests: come back after Retry-After.",
  "431": "The path, with its query, and the headers are larger than is taken.",
  "500": "A bug of ours. The log has its cause, by the request id.",
  "503": "A service cannot be reached: come back after Retry-After.",
  "504": "It took too long. What became of it is not known here: repeat it with the same key.",
};

/** A response for each status, for references. */
export const problemResponses: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries(meanings).map(([status, description]) => [
    status,
    { description, content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } },
  ]),
);
