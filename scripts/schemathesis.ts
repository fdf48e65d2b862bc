import "./help.ts";
import { execFile, spawn } from "node:child_process";
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { runningShop } from "./stack/state.ts";
import { temporaryOperator } from "./stack/tokens.ts";

// Fuzzes the running shop with Schemathesis, which generates requests from the OpenAPI documents: no response may be a
// 5xx or differ from its document.
//
//     npm run schemathesis -- --examples 30 --only shop,wippy --seed 1
//
// Installs Schemathesis from PyPI into a cache; needs python3 with venv. Changes the shop's data: reset it afterwards. The users of the
// demo stay, unless a request names them.

const version = "4.32.5";
const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
];
/** v1 comes last: it can change any user, also the one who sends the requests. */
const documents = ["wdm", "dapr", "wippy", "shop", "v1"] as const;

const { values } = parseArgs({
  options: {
    examples: { type: "string", default: "30" },
    only: { type: "string", default: documents.join(",") },
    seed: { type: "string", default: "1" },
  },
});
const chosen = values.only.split(",");
const unknown = chosen.filter((name) => !documents.some((document) => document === name));
const running = await runningShop();
if (running === undefined || unknown.length > 0) {
  const why =
    running === undefined
      ? "No shop is running here (start one with npm start)."
      : `There is no document ${unknown.join(", ")}. Choose from: ${documents.join(", ")}.`;
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
const gateway = `http://${running.addresses.gateway}`;
const program = await install();
const failed: string[] = [];
// Schemathesis writes its database of examples, .schemathesis, where it runs.
const directory = await mkdtemp(join(tmpdir(), "sagacart-schemathesis-"));
try {
  for (const name of chosen) {
    const url = `${gateway}/${name === "v1" ? "openapi.json" : `openapi/${name}.json`}`;
    process.stdout.write(`\n${url}\n`);
    if ((await fuzz(url)) !== 0) {
      failed.push(name);
    }
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
process.stdout.write(
  failed.length === 0 ? "\nall responses match their documents\n" : `\nfailed: ${failed.join(", ")}\n`,
);
process.exit(failed.length === 0 ? 0 : 1);

/** Returns the program, installed on first use. */
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
  process.stdout.write(`Installing Schemathesis ${version} in ${directory}\n`);
  await mkdir(join(directory, ".."), { recursive: true });
  const run = promisify(execFile);
  await run("python3", ["-m", "venv", directory]);
  await run(join(directory, "bin", "pip"), ["install", "--quiet", `schemathesis==${version}`]);
  return found;
}

async function fuzz(url: string): Promise<number> {
  // An operator may call every route. Denied calls are covered by the authorization test. It is an operator of its own,
  // since what is generated may delete the caller, whom the demo signs in as.
  await using operator = await temporaryOperator(running?.addresses ?? {});
  const { authorization } = operator;
  const child = spawn(
    program,
    [
      ...["run", url, "--header", `Authorization: ${authorization}`],
      ...["--phases", "examples,coverage,fuzzing", "--max-examples", values.examples, "--seed", values.seed],
      ...["--checks", checks.join(","), "--continue-on-failure", "--suppress-health-check", "all"],
      // Exclude event streams, which have no end, batch_init, where a generated number can mean a million rows, what ends
      // the caller's token, and what kills the services or loads them: the documents have examples of that.
      ...[
        "--exclude-path-regex",
        ":(watch|subscribe|kill)$|signing-keys:replace$|load:start$|batch_init",
        "--request-timeout",
        "60",
        "--warnings",
        "off",
        "--no-color",
      ],
    ],
    { cwd: directory, stdio: ["ignore", "inherit", "inherit"] },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("close", (code) => resolve(code ?? 1));
  return await promise;
}
