import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cloneFolder } from "../../scripts/clone.ts";
import { buildWith, findProgram, helm } from "../../scripts/go-programs.ts";
import { output, ProgramError, run } from "../../scripts/program.ts";

/**
 * Runs `helm template …` and returns its output; rejects with a ProgramError that has Helm's reason. All of a process's commands
 * run in one process of Helm, which takes half the time of one each: 175 ms in place of 330, of which a third was garbage
 * collection and a sixth the start. Where Go cannot build that Helm, the one on the PATH is run.
 */
export async function template(args: readonly string[], input: string): Promise<string> {
  running ??= start();
  const ask = await running;
  return ask === undefined
    ? await run(await findProgram(helm), args, { cwd: cloneFolder, input, env })
    : await ask(args, input);
}

/** Helm is short-lived or small: Go's usual target only makes it collect more often. */
const env = { GOGC: "400", ...process.env };

type Template = (args: readonly string[], input: string) => Promise<string>;
let running: Promise<Template | undefined> | undefined;

const many = fileURLToPath(new URL("helm-many.go", import.meta.url));
let building: Promise<string | undefined> | undefined;

/** Returns Helm with `helm-many.go`; undefined where Go cannot build it. */
function built(): Promise<string | undefined> {
  building ??= buildWith(helm, many).catch(() => undefined);
  return building;
}

/** Returns the version of the Helm that renders. */
export async function helmVersion(): Promise<string> {
  return (await built()) === undefined ? await output(await findProgram(helm), ["version"]) : helm.version;
}

async function start(): Promise<Template | undefined> {
  const program = await built();
  if (program === undefined) return undefined;
  const child = spawn(program, [], {
    cwd: cloneFolder,
    env: { ...env, HELM_MANY: "1" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  /** It answers one after the other. */
  const asked: PromiseWithResolvers<Answer>[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => asked.shift()?.resolve(JSON.parse(line)));
  child.on("exit", (code) => {
    for (const { reject } of asked) reject(new Error(`${program} ended with ${code}`));
  });
  // It ends when its input does: with this process, which need not wait for it.
  child.unref();
  for (const stream of [child.stdin, child.stdout]) unref(stream);
  return async (args, input) => {
    const answer = Promise.withResolvers<Answer>();
    asked.push(answer);
    child.stdin.write(`${JSON.stringify({ args, input })}\n`);
    const waiting = setInterval(() => {}, 2 ** 30);
    const { output: text, error } = await answer.promise.finally(() => clearInterval(waiting));
    if (error !== "") throw new ProgramError(`helm ${args.slice(0, 3).join(" ")} ended with 1: Error: ${error}`);
    return text;
  };
}

type Answer = { readonly output: string; readonly error: string };

/** Pipes of a child process are sockets, though their types do not say so. */
function unref(stream: object): void {
  const { unref }: { unref?: unknown } = stream as { unref?: unknown };
  if (typeof unref === "function") unref.call(stream);
}
