import { findProgram, helm } from "../../scripts/go-programs.ts";

/** Before the first test of the charts: finds Helm, or builds it once, and says so meanwhile. */
export default async function fetchHelm(): Promise<void> {
  await findProgram(helm);
}
