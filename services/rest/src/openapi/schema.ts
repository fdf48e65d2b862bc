/** A JSON Schema, as OpenAPI 3.1 has them. */
export type Schema = { [key: string]: unknown };
