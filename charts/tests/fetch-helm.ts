import { findProgram, helm } from "../../scripts/go-programs.ts";

/** Finds Helm, or builds it once, before the first test of the charts. */
export default async function fetchHelm(): Promise<void> {
  await findProgram(helm);
}
