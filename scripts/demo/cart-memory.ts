import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A cart as a run of the demo left it. */
export type LeftCart = {
  readonly id: string;
  readonly customerId: string;
  readonly purchased: boolean;
  /** How many of which product. */
  readonly contents: Readonly<Record<string, number>>;
};

/** What the last run left behind, by which the next one knows whether all of it is still there. */
export type Memory = { readonly run: number; readonly carts: readonly LeftCart[] };

/** What was remembered in this state folder; of the first run, nothing. */
export async function recall(stateDirectory: string): Promise<Memory> {
  const text = await readFile(fileIn(stateDirectory), "utf8").catch(() => undefined);
  return text === undefined ? { run: 0, carts: [] } : JSON.parse(text);
}

export async function remember(stateDirectory: string, memory: Memory): Promise<void> {
  await writeFile(fileIn(stateDirectory), `${JSON.stringify(memory, undefined, 2)}\n`);
}

export async function forget(stateDirectory: string): Promise<void> {
  await rm(fileIn(stateDirectory), { force: true });
}

function fileIn(stateDirectory: string): string {
  return join(stateDirectory, "demo-carts.json");
}
