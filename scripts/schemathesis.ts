import { execFile, spawn } from "node:child_process";
import { access, mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { runningShop } from "./stack/state.ts";
import { authorizationOf } from "./stack/tokens.ts";

// Holds the shop that runs here to its OpenAPI documents, with requests that Schemathesis makes up from them: no answer
// is a 5xx, and none is one that its document does not know.
//
//     npm run schemathesis -- --examples 30 --only shop,wippy --seed 1
//
// Schemathesis comes from PyPI into a cache of its own. Needs python3 with venv. It writes into the shop: npm run reset.

const version = "4.32.5";
const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
];
/** The last may change everybody, the operator who asks among them. */
const documents = ["wdm", "dapr", "wippy", "shop", "v1"] as const;

const { values } = parseArgs({
  options: {
    examples: { type: "string", default: "30" },
    only: { type: "string", default: documents.join(",") },
    seed: { type: "string", default: "1" },
  },
});
const asked = values.only.split(",");
const unknown = asked.filter((name) => !documents.some((document) => document === name));
const running = await runningShop();
if (running === undefined || unknown.length > 0) {
  const why =
    running === undefined
      ? "No shop is running here (start one with npm start)."
      : `There is no document ${unknown.join(", ")}.`;
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
const gateway = `http://${running.addresses.gateway}`;
const program = await install();
const failed: string[] = [];
for (const name of asked) {
  const url = `${gateway}/${name === "v1" ? "openapi.json" : `openapi/${name}.json`}`;
  process.stdout.write(`\n${url}\n`);
  if ((await hold(url)) !== 0) {
    failed.push(name);
  }
}
process.stdout.write(failed.length === 0 ? "\nall documents hold\n" : `\nnot held: ${failed.join(", ")}\n`);
process.exit(failed.length === 0 ? 0 : 1);

/** The program, fetched at the first time. */
async function install(): Promise<string> {
  const directory = join(homedir(), ".cache", "sagacart", `schemathesis-${version}`);
  const found = join(directory, "bin", "schemathesis");
  if (
    await access(found).then(
      () => true,
      () => false,
    )
  ) {
    return found;
  }
  process.stdout.write(`Fetching Schemathesis ${version} into ${directory}\n`);
  await mkdir(join(directory, ".."), { recursive: true });
  const run = promisify(execFile);
  await run("python3", ["-m", "venv", directory]);
  await run(join(directory, "bin", "pip"), ["install", "--quiet", `schemathesis==${version}`]);
  return found;
}

async function hold(url: string): Promise<number> {
  // An operator may call everything, so every route is reached; who may not is what the authorization test is about.
  const authorization = await authorizationOf(running?.addresses ?? {}, "admin");
  const child = spawn(
    program,
    [
      ...["run", url, "--header", `Authorization: ${authorization}`],
      ...["--phases", "examples,coverage,fuzzing", "--max-examples", values.examples, "--seed", values.seed],
      ...["--checks", checks.join(","), "--continue-on-failure", "--suppress-health-check", "all"],
      // A stream of events has no end to wait for, and a made-up number of rows is a million at once.
      ...[
        "--exclude-path-regex",
        ":(watch|subscribe)$|batch_init",
        "--request-timeout",
        "60",
        "--warnings",
        "off",
        "--no-color",
      ],
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("close", (code) => resolve(code ?? 1));
  return await promise;
}
