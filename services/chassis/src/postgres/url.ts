/**
 * Adds a CA file to a database's URL: its server must present a certificate of that CA for the URL's host. pg reads the
 * file for each new connection, so a CA that is renewed in place needs no restart.
 */
export function withCa(url: string, caFile: string): string {
  const verified = new URL(url);
  if (verified.searchParams.get("sslmode") === "disable") {
    throw new Error("says sslmode=disable, and DATABASE_CA_FILE says how to verify the server: one of them is wrong");
  }
  verified.searchParams.set("sslmode", "verify-full");
  verified.searchParams.set("sslrootcert", caFile);
  return verified.href;
}
