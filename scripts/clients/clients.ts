import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cloneFolder } from "../clone.ts";
import { type RunOptions, run, works } from "../program.ts";
import { cacheDirectory } from "../stack/postgres-programs.ts";

/** A client below clients/: how to build it, and the program that signs in, buys, and decodes an error. */
export type ExampleClient = {
  readonly name: string;
  /** The programs that it needs, each with arguments with which it succeeds. */
  readonly needs: readonly (readonly [program: string, ...args: string[]])[];
  /** Downloads what it needs, into caches of this machine. Its failures are about the network. */
  readonly fetch: readonly Step[];
  readonly build: readonly Step[];
  readonly buy: Step;
};

type Step = { readonly command: readonly [program: string, ...args: string[]]; readonly env?: NodeJS.ProcessEnv };

/** What became of a client. */
export type Result =
  | { readonly kind: "bought"; readonly output: string }
  | { readonly kind: "left out"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

const folderOf = (name: string) => join(cloneFolder, "clients", name);

/** Python packages are in an environment for each version of the requirements. */
const requirements = readFileSync(join(folderOf("python"), "requirements.txt"));
const hash = createHash("sha256").update(requirements).digest("hex").slice(0, 12);
const pythonHome = join(cacheDirectory(), `clients-python-${hash}`);
const python = join(pythonHome, "bin/python");
const inPython = { PATH: `${join(pythonHome, "bin")}:${process.env.PATH}` };

export const exampleClients: readonly ExampleClient[] = [
  {
    name: "typescript",
    needs: [],
    fetch: [],
    build: [{ command: [process.execPath, "build.ts"] }],
    buy: { command: [process.execPath, "example.js"] },
  },
  {
    name: "go",
    needs: [["go", "version"]],
    fetch: [{ command: ["go", "mod", "download"] }],
    build: [{ command: ["buf", "generate"] }, { command: ["go", "build", "-o", "buy", "."] }],
    buy: { command: ["./buy"] },
  },
  {
    name: "python",
    needs: [["python3", "-c", "import sys, venv; sys.exit(sys.version_info < (3, 10))"]],
    fetch: existsSync(join(pythonHome, "ready"))
      ? []
      : [
          { command: ["python3", "-m", "venv", pythonHome] },
          { command: [python, "-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"] },
          { command: ["touch", join(pythonHome, "ready")] },
        ],
    build: [{ command: ["buf", "generate"], env: inPython }],
    buy: { command: [python, "buy.py"] },
  },
  {
    name: "java",
    needs: [
      ["mvn", "--version"],
      ["javac", "--version"],
    ],
    // Maven downloads what each phase needs when it needs it.
    fetch: [
      { command: ["mvn", "--quiet", "--batch-mode", "initialize", "dependency:resolve", "dependency:resolve-plugins"] },
    ],
    build: [{ command: ["mvn", "--quiet", "--batch-mode", "compile"] }],
    buy: { command: ["mvn", "--quiet", "--batch-mode", "exec:java"] },
  },
  {
    name: "grpcurl",
    needs: [["bash", "--version"]],
    fetch: [],
    build: [],
    buy: { command: ["bash", "buy.sh"] },
  },
];

/** Builds a client and has it buy this product. */
export async function runClient(
  client: ExampleClient,
  env: { readonly SHOP_URL: string; readonly PRODUCT_ID: string; readonly GRPCURL?: string },
): Promise<Result> {
  for (const [program, ...args] of client.needs) {
    if (!(await works(program, args))) {
      return { kind: "left out", reason: `${program} is not on this machine, or too old` };
    }
  }
  const cwd = folderOf(client.name);
  const path = `${join(cloneFolder, "node_modules/.bin")}:${process.env.PATH}`;
  const options: RunOptions = { cwd, env: { ...process.env, PATH: path, ...env } };
  const go = ({ command: [program, ...args], env: more }: Step) =>
    run(program, args, { ...options, env: { ...options.env, ...more, PATH: `${more?.PATH ?? ""}:${path}` } });
  try {
    for (const step of client.fetch) await go(step);
  } catch (error) {
    return { kind: "left out", reason: `what it needs cannot be downloaded: ${messageOf(error)}` };
  }
  try {
    for (const step of client.build) await go(step);
    const output = await go(client.buy);
    const wanted = ["COMPLETED", "PRICE_CHANGED"].filter((word) => !output.includes(word));
    return wanted.length === 0
      ? { kind: "bought", output }
      : { kind: "failed", reason: `its output has no ${wanted.join(" and no ")}: ${output}` };
  } catch (error) {
    return { kind: "failed", reason: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
