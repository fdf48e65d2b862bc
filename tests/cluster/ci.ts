import { cloneFolder } from "../../scripts/clone.ts";
import { ProgramError, run } from "../../scripts/program.ts";
import { answers, builderClusters } from "./clusters.ts";

// The cluster part of .ci/run: on the cluster that E2E_CLUSTER asks for (`kind`, a context of the kubeconfig or the option
// of a builder's cluster), or else on a builder's cluster or a kind cluster that is up. A failed scenario fails the run.

const say = (line: string) => process.stdout.write(`${line}\n`);
const scenarios = process.env.E2E_SCENARIOS ?? "install,databases,network,rolling";
const asked = process.env.E2E_CLUSTER;
const limitMs = 60 * 60_000;
const where = asked === undefined ? await found() : byName(asked);

if (where === undefined) {
  say(`skipped: ${scenarios} on a cluster, because none is up. To run them, see scripts/e2e-cluster --help`);
} else {
  const args = ["tests/cluster/main.ts", ...where.args, "--only", scenarios, "--namespace", "sagacart-ci"];
  try {
    await run(process.execPath, args, { env: where.env, cwd: cloneFolder, timeoutMs: limitMs, onLine: say });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    say(`Scenarios failed on the cluster ${asked ?? "that is up"}.`);
    process.exitCode = 1;
  }
}

type Where = { readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv };

function byName(name: string): Where {
  const own = builderClusters.find(({ option }) => option === name);
  if (own !== undefined) {
    const folder = own.usualFolder();
    if (folder === undefined) throw new Error(`E2E_CLUSTER is ${name}, but that cluster is not on this machine`);
    return { args: [`--${name}`, folder], env: process.env };
  }
  return { args: name === "kind" ? ["--kind"] : ["--context", name], env: process.env };
}

async function found(): Promise<Where | undefined> {
  for (const { option, usualFolder, environment } of builderClusters) {
    if (usualFolder() !== undefined && (await answers(environment()))) return byName(option);
  }
  const context = await run("kubectl", ["config", "current-context"], { timeoutMs: 5_000 }).catch(() => "");
  // Any other context may be somebody's cluster.
  return context.startsWith("kind-") && (await answers(process.env)) ? byName("kind") : undefined;
}
