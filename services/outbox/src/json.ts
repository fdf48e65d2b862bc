/** What a command or an event carries: written as JSON, so values must be what JSON can hold. */
export type JsonObject = { readonly [key: string]: unknown };
