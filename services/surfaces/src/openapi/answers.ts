import type { Schema } from "@sagacart/rest/openapi/schema";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the route answers when it is done: a schema for each status. Said in its document, and made by nothing. */
    answers?: Answers;
  }
}

export type Answers = Readonly<Record<number, Schema>>;

/** An object with just these fields. Those that `optional` names may be absent. */
export function fields(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

export function listOf(items: Schema): Schema {
  return { type: "array", items };
}

/** The same, or null. */
export function orNull(schema: Schema): Schema {
  return { oneOf: [schema, { type: "null" }] };
}

export const text: Schema = { type: "string" };
export const whole: Schema = { type: "integer" };
export const number: Schema = { type: "number" };
export const truth: Schema = { type: "boolean" };
export const time: Schema = { type: "string", format: "date-time" };
