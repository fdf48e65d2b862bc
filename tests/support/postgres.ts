import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { startPostgres } from "../../scripts/stack/postgres.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/**
 * Starts a Postgres server for one run of the tests. Closing it deletes its data, so it runs without fsync.
 */
export async function startTestPostgres(): Promise<AsyncDisposable & { readonly url: string }> {
  const folder = await temporaryFolder();
  // Under root, the server runs as another user, which must be able to enter the folder.
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
