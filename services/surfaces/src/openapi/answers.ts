import type { Schema } from "@sagacart/rest/openapi/schema";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The schema of each successful status, for the OpenAPI document only: nothing validates answers by it. */
    answers?: Answers;
  }
}

export type Answers = Readonly<Record<number, Schema>>;

/** Makes the schema of an object with exactly these fields; those in `optional` may be absent. */
export function fields(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

export function listOf(items: Schema): Schema {
  return { type: "array", items };
}

/** Makes a schema nullable. */
export function orNull(schema: Schema): Schema {
  return { oneOf: [schema, { type: "null" }] };
}

export const text: Schema = { type: "string" };
export const whole: Schema = { type: "integer" };
export const number: Schema = { type: "number" };
export const truth: Schema = { type: "boolean" };
export const time: Schema = { type: "string", format: "date-time" };
