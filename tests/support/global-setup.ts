import { startTestPostgres } from "./postgres.ts";

/** Provides TEST_POSTGRES_URL to every test: an existing server if it is set, or else one started for this run. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.TEST_POSTGRES_URL !== undefined) {
    return undefined;
  }
  const postgres = await startTestPostgres();
  process.env.TEST_POSTGRES_URL = postgres.url;
  return async () => {
    delete process.env.TEST_POSTGRES_URL;
    await postgres[Symbol.asyncDispose]();
  };
}
