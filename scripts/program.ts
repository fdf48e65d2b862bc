import { spawn } from "node:child_process";

export type RunOptions = {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Written to its standard input. */
  readonly input?: string | undefined;
  /** Ends the program after this time. Default: ten minutes. */
  readonly timeoutMs?: number;
  /** Ends the program with SIGTERM. */
  readonly signal?: AbortSignal | undefined;
  /** Receives each line of both outputs. */
  readonly onLine?: (line: string) => void;
  /** Lets the program write directly to this process' outputs; they are then not returned. */
  readonly inherit?: boolean;
};

/** The result of a program. The code is null if a signal ended it. */
export type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** A program that failed or did not end in time. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

/** Runs a program to its end and returns its standard output. Throws a ProgramError with the end of its output. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { timeoutMs = defaultTimeoutMs } = options;
  const startedAt = performance.now();
  const { code, stdout, stderr } = await runToEnd(command, args, options);
  if (code === 0) return stdout;
  const isLate = code === null && performance.now() - startedAt >= timeoutMs;
  const how = isLate ? `did not end within ${timeoutMs / 1000} s` : `ended with ${code}`;
  const text = (stderr.trim() === "" ? stdout : stderr).trim().slice(-2_000);
  throw new ProgramError(`${[command, ...args].join(" ").slice(0, 300)} ${how}${text === "" ? "" : `: ${text}`}`);
}

/** Runs a program and returns its standard output without surrounding white space. */
export async function output(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return (await run(command, args, options)).trim();
}

/** Returns true if a program exists and succeeds with these arguments. */
export async function works(command: string, args: readonly string[], options: RunOptions = {}): Promise<boolean> {
  return await run(command, args, options).then(
    () => true,
    () => false,
  );
}

/** Runs a program to its end, whatever its exit code. Rejects only if it cannot be started. */
export async function runToEnd(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { env = process.env, cwd, input, timeoutMs = defaultTimeoutMs, signal, onLine, inherit = false } = options;
  const out = inherit ? "inherit" : "pipe";
  const child = spawn(command, args, { env, ...(cwd === undefined ? {} : { cwd }), stdio: ["pipe", out, out] });
  // A program that ends early does not read all of its input.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input ?? "");
  const end = () => child.kill();
  const timer = setTimeout(end, timeoutMs);
  signal?.addEventListener("abort", end, { once: true });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const readLines = lineReader(onLine);
  for (const [stream, chunks] of [[child.stdout, stdout] as const, [child.stderr, stderr] as const]) {
    stream?.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      readLines(chunk);
    });
  }
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}

const defaultTimeoutMs = 600_000;

function lineReader(onLine: ((line: string) => void) | undefined): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    if (onLine === undefined) return;
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
}
