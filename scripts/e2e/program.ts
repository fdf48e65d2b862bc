import { spawn } from "node:child_process";

export type RunOptions = {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Written to its standard input. */
  readonly input?: string;
  /** Ends it; ten minutes unless told otherwise. */
  readonly timeoutMs?: number;
  /** Told each line of both outputs as it comes. */
  readonly onLine?: (line: string) => void;
};

/** A program ended with another code than 0, or not in time. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

/** Runs a program to its end; resolves with its standard output. Throws ProgramError with the last of what it said. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { env = process.env, cwd, input, timeoutMs = 600_000, onLine } = options;
  const child = spawn(command, args, { env, ...(cwd === undefined ? {} : { cwd }), stdio: ["pipe", "pipe", "pipe"] });
  // One that ends early does not read all that it is given.
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  let [output, said] = ["", ""];
  const tell = lineReader(onLine);
  child.stdout.on("data", (chunk) => {
    output += chunk;
    tell(chunk);
  });
  child.stderr.on("data", (chunk) => {
    said = (said + chunk).slice(-8_000);
    tell(chunk);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill();
  }, timeoutMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (code === 0) return output;
    const how = late ? `was not done after ${timeoutMs / 1000} s` : `ended with ${code}`;
    const words = (said.trim() === "" ? output : said).trim().slice(-2_000);
    throw new ProgramError(`${[command, ...args].join(" ").slice(0, 300)} ${how}: ${words}`);
  } finally {
    clearTimeout(timer);
  }
}

function lineReader(onLine: ((line: string) => void) | undefined): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    if (onLine === undefined) return;
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
}
