import { SchemaError } from "../postgres/schema-error.ts";
import { ConfigError } from "./config.ts";

/**
 * Explains for stderr why a process could not start: wrong variables, an old schema and a port in use in plain sentences,
 * any other error with its stack.
 */
export function explainStartFailure(error: unknown): string {
  if (error instanceof ConfigError || error instanceof SchemaError) {
    return error.message;
  }
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE" && "port" in error) {
    const where = "address" in error ? `${error.address}:${error.port}` : `port ${error.port}`;
    return `${where} is in use by another process; stop that, or set PORT or ADMIN_PORT to a free one`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
