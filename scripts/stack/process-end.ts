import type { ChildProcess } from "node:child_process";

/** Waits for the end of a process and says how it came: "exit code 1", "signal SIGKILL", or why it never started. */
export function endOf(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve(describe(child.exitCode, child.signalCode));
  return new Promise((done) => {
    child.once("error", (error) => done(error.message));
    child.once("close", (code, signal) => done(describe(code, signal)));
  });
}

function describe(code: number | null, signal: string | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
