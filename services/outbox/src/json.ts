/** The data of a command or an event, which is written as JSON: its values must be serializable. */
export type JsonObject = { readonly [key: string]: unknown };
