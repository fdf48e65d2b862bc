/** What went wrong with the database, when it is the database that went wrong and not the statement. */
export type DatabaseFailure = "CONTENTION" | "DATABASE_UNAVAILABLE" | "DATABASE_TIMEOUT";

/** Serialization failure and deadlock: nothing happened, and the same again may well succeed. */
export function isContention(error: unknown): boolean {
  return failureOf(error) === "CONTENTION";
}

/** Looks at an error of pg, and at its causes. Undefined for everything that is not the database's failing. */
export function databaseFailure(error: unknown): DatabaseFailure | undefined {
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth++, at = at.cause) {
    const failure = failureOf(at);
    if (failure !== undefined) {
      return failure;
    }
  }
  return undefined;
}

/** The pool could not give a connection. */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";
}

/** Says that this error came with the end of a connection: the socket's own (ECONNRESET) do not tell whose they are. */
export function markLost(error: Error): void {
  lost.add(error);
}

/** It is of no use to ask this connection again: it is gone, or leads to a server that takes no writes any more. */
export function endsConnection(error: unknown): boolean {
  return databaseFailure(error) === "DATABASE_UNAVAILABLE";
}

const lost = new WeakSet<Error>();
const contention = new Set(["40001", "40P01", "55P03"]);
// Read-only after a failover; too long idle in a transaction.
const unavailable = new Set(["25006", "25P03"]);
// Connections fail; the server has not enough of something; it is shut down, has crashed, starts up.
const unavailableClasses = ["08", "53", "57P"];

function failureOf(error: unknown): DatabaseFailure | undefined {
  if (!(error instanceof Error)) {
    return undefined;
  }
  const sqlState = "severity" in error && "code" in error && typeof error.code === "string" ? error.code : "";
  if (contention.has(sqlState)) {
    return "CONTENTION";
  }
  if (sqlState === "57014") {
    return "DATABASE_TIMEOUT";
  }
  const isUnavailable =
    error instanceof DatabaseUnavailableError ||
    lost.has(error) ||
    unavailable.has(sqlState) ||
    unavailableClasses.some((begin) => sqlState.startsWith(begin)) ||
    // pg has no code for a connection that is lost in the middle.
    /^Connection terminated|^Client has encountered a connection error|^Query read timeout/.test(error.message);
  return isUnavailable ? "DATABASE_UNAVAILABLE" : undefined;
}
