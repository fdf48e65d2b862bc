/** Something outside this program keeps the shop from starting. Its message is a sentence for the person at the terminal. */
export class StartError extends Error {
  override name = "StartError";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
