/** The database lacks what this version of the service needs: it was not migrated. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}
