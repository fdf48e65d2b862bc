import { cacheDirectory } from "../../scripts/stack/postgres-programs.ts";
import { findTemporal } from "../../scripts/stack/temporal-program.ts";
import { findGrpcurl } from "./grpcurl.ts";

/** Before the first test, finds, downloads or builds the programs that the end-to-end tests need, and logs progress. */
export default async function fetchPrograms(): Promise<void> {
  const log = (line: string) => process.stdout.write(`${line}\n`);
  await findTemporal({ env: process.env, cache: cacheDirectory(), log });
  await findGrpcurl();
}
