/** A failure of the database, as opposed to one of the statement. */
export type DatabaseFailure = "CONTENTION" | "DATABASE_UNAVAILABLE" | "DATABASE_TIMEOUT";

/** Returns true for a serialization failure, a deadlock or a lock timeout: a retry may succeed. */
export function isContention(error: unknown): boolean {
  return failureOf(error) === "CONTENTION";
}

/** Classifies an error of pg, or its causes. Undefined for errors that are not the database's failure. */
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

/** Marks an error as the end of a database connection: a socket's error (ECONNRESET) does not say whose socket it was. */
export function markLost(error: Error): void {
  lost.add(error);
}

/** Returns true if the connection must not be used again: it is lost, or its server is read-only now. */
export function endsConnection(error: unknown): boolean {
  return databaseFailure(error) === "DATABASE_UNAVAILABLE";
}

const lost = new WeakSet<Error>();
const contention = new Set(["40001", "40P01", "55P03"]);
// Read-only after a failover; idle in a transaction for too long.
const unavailable = new Set(["25006", "25P03"]);
// Connection errors; insufficient resources; shutdown, crash or startup.
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
    // pg has no code for a connection that is lost during a statement.
    /^Connection terminated|^Client has encountered a connection error|^Query read timeout/.test(error.message);
  return isUnavailable ? "DATABASE_UNAVAILABLE" : undefined;
}
