/**
 * The URL of a database whose server must show a certificate of the CA in this file, and of the URL's host. pg reads
 * the file for each new connection, so a CA that is renewed in place needs no restart.
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
