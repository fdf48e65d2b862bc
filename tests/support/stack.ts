import { type Stack, type StackOptions, startStack } from "../../scripts/stack/stack.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/**
 * Starts the whole shop for one test file: the stack of `npm start`, on free ports, in a temporary state folder, with
 * Postgres without fsync. A process that ends unexpectedly fails the run; tests end and restart processes with
 * `stack.kill` and `stack.start`.
 */
export async function startTestStack(options: Partial<StackOptions> = {}): Promise<Stack> {
  const stateDirectory = await temporaryFolder();
  return await startStack({
    stateDirectory,
    ports: "free",
    temporary: true,
    launcher: true,
    settings: { fsync: "off", full_page_writes: "off" },
    // Show errors in the test's output, but not the progress of the start.
    log: () => undefined,
    show: { lines: "errors", line: (name, line) => process.stderr.write(`${name} | ${line}\n`) },
    onUnexpectedExit({ name, how, lastLines }) {
      throw new Error(`${name} ended unexpectedly with ${how}:\n${lastLines.join("\n")}`);
    },
    ...options,
  });
}
