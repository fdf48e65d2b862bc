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
    detail: { type: "string", description: "The message for people." },
    reason: { type: "string", description: "The cause for programs: UPPER_SNAKE, and stable." },
    metadata: { type: "object", additionalProperties: { type: "string" }, description: "The values in the detail." },
    violations: {
      type: "array",
      description: "Each wrong field.",
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
  "400": "The request is invalid: the violations name each field.",
  "401": "The token is missing or bad, or a password, a signature or another credential is wrong.",
  "403": "The caller may not do this.",
  "404": "It does not exist, or the caller may not see it.",
  "405": "The path exists for other methods, which the header Allow names.",
  "409": "The current state forbids it, another request was faster, or it exists with other content.",
  "412": "If-Match names another version of the resource than the current one.",
  "413": "The body is too large.",
  "415": "The body is not application/json.",
  "422": "The Idempotency-Key was used for another request.",
  "429": "Too many requests: try again after Retry-After.",
  "431": "The path with its query and the headers are too large.",
  "500": "A bug. The log has its cause, by the request id.",
  "503": "A service cannot be reached: try again after Retry-After.",
  "504": "It took too long, and the outcome is unknown: repeat it with the same key.",
};

/** A response for each status, for references. */
export const problemResponses: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries(meanings).map(([status, description]) => [
    status,
    { description, content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } },
  ]),
);
