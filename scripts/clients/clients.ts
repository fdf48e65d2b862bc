import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
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

/** The outcome of a client. */
export type Result =
  | { readonly kind: "bought"; readonly output: string }
  | { readonly kind: "left out"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

const folderOf = (name: string) => join(cloneFolder, "clients", name);

/** An environment of Python with a folder's requirements, one for each version of them. */
function pythonFor(name: string) {
  const requirements = readFileSync(join(folderOf(name), "requirements.txt"));
  const hash = createHash("sha256").update(requirements).digest("hex").slice(0, 12);
  const home = join(cacheDirectory(), `clients-python-${hash}`);
  const python = join(home, "bin/python");
  const isReady = existsSync(join(home, "ready"));
  const fetch: readonly Step[] = [
    { command: ["python3", "-m", "venv", home] },
    { command: [python, "-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"] },
    { command: ["touch", join(home, "ready")] },
  ];
  return { python, fetch: isReady ? [] : fetch, env: { PATH: `${join(home, "bin")}:${process.env.PATH}` } };
}

const grpcPython = pythonFor("python");
const openapiPython = pythonFor("openapi/python");
const hasPython = ["python3", "-c", "import sys, venv; sys.exit(sys.version_info < (3, 10))"] as const;
const hasMaven = [
  ["mvn", "--version"],
  ["javac", "--version"],
] as const;
const maven = (...goals: string[]): Step => ({ command: ["mvn", "--quiet", "--batch-mode", ...goals] });

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
    needs: [hasPython],
    fetch: grpcPython.fetch,
    build: [{ command: ["buf", "generate"], env: grpcPython.env }],
    buy: { command: [grpcPython.python, "buy.py"] },
  },
  {
    name: "java",
    needs: hasMaven,
    fetch: [maven("dependency:resolve", "dependency:resolve-plugins")],
    build: [maven("compile")],
    buy: maven("exec:java"),
  },
  {
    name: "grpcurl",
    needs: [["bash", "--version"]],
    fetch: [],
    build: [],
    buy: { command: ["bash", "buy.sh"] },
  },
  {
    name: "openapi/typescript",
    needs: [],
    fetch: [{ command: ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"] }],
    build: [
      { command: ["node_modules/.bin/openapi-typescript", "../openapi.json", "--output", "gen/schema.d.ts"] },
      { command: ["node_modules/.bin/tsc"] },
    ],
    buy: { command: [process.execPath, "buy.ts"] },
  },
  {
    name: "openapi/python",
    needs: [hasPython],
    fetch: openapiPython.fetch,
    build: [
      {
        command: [
          ...["openapi-python-client", "generate", "--path", "../openapi.json"],
          ...["--output-path", "gen", "--meta", "none", "--overwrite"],
        ] as const,
        env: openapiPython.env,
      },
    ],
    buy: { command: [openapiPython.python, "buy.py"] },
  },
  {
    name: "openapi/go",
    needs: [["go", "version"], ...hasMaven],
    fetch: [{ command: ["go", "mod", "download"] }, maven("dependency:resolve-plugins")],
    build: [maven("generate-sources"), { command: ["go", "build", "-o", "buy", "."] }],
    buy: { command: ["./buy"] },
  },
  {
    name: "openapi/java",
    needs: hasMaven,
    fetch: [maven("dependency:resolve", "dependency:resolve-plugins")],
    build: [maven("compile")],
    buy: maven("exec:java"),
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
  if (client.name.startsWith("openapi/")) {
    const response = await fetch(`${env.SHOP_URL}/openapi.json`);
    await writeFile(join(folderOf("openapi"), "openapi.json"), await response.text());
  }
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
