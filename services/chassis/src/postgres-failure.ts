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

const contention = new Set(["40001", "40P01", "55P03"]);
// Shut down by an admin, crashed, starting up, too many connections, read-only after a failover.
const unavailable = new Set(["57P01", "57P02", "57P03", "53300", "25006"]);

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
  const lost =
    error instanceof DatabaseUnavailableError ||
    unavailable.has(sqlState) ||
    sqlState.startsWith("08") ||
    // pg has no code for a connection that is lost in the middle.
    /^Connection terminated|^Client has encountered a connection error|^Query read timeout/.test(error.message);
  return lost ? "DATABASE_UNAVAILABLE" : undefined;
}
