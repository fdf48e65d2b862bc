import { cacheDirectory } from "../../scripts/stack/postgres-programs.ts";
import { findTemporal } from "../../scripts/stack/temporal-program.ts";
import { findGrpcurl } from "./grpcurl.ts";

/** Before the first test: finds, fetches or builds what the tests against a whole shop need, and says so meanwhile. */
export default async function fetchPrograms(): Promise<void> {
  const log = (line: string) => process.stdout.write(`${line}\n`);
  await findTemporal({ env: process.env, cache: cacheDirectory(), log });
  await findGrpcurl();
}
