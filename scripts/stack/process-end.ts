import type { ChildProcess } from "node:child_process";

/** Waits for a process to end. Returns the cause: "exit code 1", "signal SIGKILL", or the error of a failed start. */
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
