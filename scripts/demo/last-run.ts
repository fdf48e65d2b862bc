import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A cart at the end of a run. */
export type SavedCart = {
  readonly id: string;
  readonly customerId: string;
  readonly purchased: boolean;
  /** Quantities by product id. */
  readonly contents: Readonly<Record<string, number>>;
};

/** The carts at the end of the last run. The next run checks that they are unchanged. */
export type LastRun = { readonly run: number; readonly carts: readonly SavedCart[] };

/** Reads the last run from the state folder; before the first run it is empty. */
export async function readLastRun(stateDirectory: string): Promise<LastRun> {
  const text = await readFile(fileIn(stateDirectory), "utf8").catch(() => undefined);
  return text === undefined ? { run: 0, carts: [] } : JSON.parse(text);
}

export async function saveRun(stateDirectory: string, run: LastRun): Promise<void> {
  await writeFile(fileIn(stateDirectory), `${JSON.stringify(run, undefined, 2)}\n`);
}

export async function deleteLastRun(stateDirectory: string): Promise<void> {
  await rm(fileIn(stateDirectory), { force: true });
}

function fileIn(stateDirectory: string): string {
  return join(stateDirectory, "demo-carts.json");
}
