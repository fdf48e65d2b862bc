import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../../scripts/stack/postgres.ts";

/**
 * A Postgres for one run of the tests, whose data go when it is closed. It does not wait for the disk: what a test
 * looks at does not survive a power cut anyway.
 */
export async function startTestPostgres(): Promise<AsyncDisposable & { readonly url: string }> {
  const folder = await mkdtemp(join(tmpdir(), "sagacart-test-"));
  // Run as root, the server has an account of its own, which must be able to pass through.
  await chmod(folder, 0o755);
  const postgres = await startPostgres({
    dataDirectory: join(folder, "data"),
    settings: { fsync: "off", full_page_writes: "off", max_connections: "300", autovacuum: "off" },
    temporary: true,
  });
  return {
    url: postgres.adminUrl,
    async [Symbol.asyncDispose]() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
