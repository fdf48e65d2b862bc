import { startTestPostgres } from "./postgres.ts";

/** Gives every test TEST_POSTGRES_URL: a server that is there already when it is set, else one for this run. */
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
