import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type TestProcess = AsyncDisposable & {
  /** The log line of its being ready. */
  readonly ready: { readonly port?: number; readonly url?: string };
  /** Kills it at once (SIGKILL). */
  kill(): Promise<void>;
};

/** Starts a program on free ports, without tokens unless `env` says otherwise, and waits until it is ready. */
export async function startProcess(main: URL, env: Record<string, string>): Promise<TestProcess> {
  const child = spawn(process.execPath, [fileURLToPath(main)], {
    env: { ...process.env, AUTH: "off", ...env, PORT: "0", ADMIN_PORT: "0", LOG_LEVEL: "info" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  };
  return { ready: await untilReady(child), kill, [Symbol.asyncDispose]: kill };
}

async function untilReady(child: ChildProcess): Promise<TestProcess["ready"]> {
  if (child.stdout !== null) {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as { msg: string; port?: number; url?: string };
      if (line.msg === "ready") {
        child.stdout.resume();
        return line;
      }
    }
  }
  throw new Error("the process ended before it was ready");
}
