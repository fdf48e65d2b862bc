import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Stack, type StackOptions, startStack } from "../../scripts/stack/stack.ts";

/**
 * The whole shop for one file of tests: the very stack of `npm start`, on free ports, in a state folder that goes with
 * it. Postgres does not wait for the disk. A process that ends unasked fails the run, unless the test killed it:
 * `stack.kill` and `stack.start` are there for that.
 */
export async function startTestStack(options: Partial<StackOptions> = {}): Promise<Stack> {
  const stateDirectory = await mkdtemp(join(tmpdir(), "sagacart-e2e-"));
  return await startStack({
    stateDirectory,
    ports: "free",
    temporary: true,
    settings: { fsync: "off", full_page_writes: "off" },
    // What went wrong is in the test's output; how the start went is not.
    log: () => undefined,
    show: { lines: "errors", line: (name, line) => process.stderr.write(`${name} | ${line}\n`) },
    onDeath({ name, how, lastLines }) {
      throw new Error(`${name} ended unasked with ${how}:\n${lastLines.join("\n")}`);
    },
    ...options,
  });
}
