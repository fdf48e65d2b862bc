/** The shop cannot start for a reason outside this program. The message is shown in the terminal without a stack. */
export class StartError extends Error {
  override name = "StartError";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
