import { cloneFolder } from "../../scripts/clone.ts";
import { ProgramError, run } from "../../scripts/program.ts";
import { answers, builderClusters } from "./clusters.ts";

// The cluster part of .ci/run. E2E_CLUSTER asks for it, and then a failure fails the run: `kind`, a context of the kubeconfig
// or the option of a builder's cluster. Without E2E_CLUSTER it uses a builder's cluster or a kind cluster that is up, and
// reports failures without failing the run: nothing guarantees the state of a cluster that happens to be there.

const say = (line: string) => process.stdout.write(`${line}\n`);
const scenarios = process.env.E2E_SCENARIOS ?? "install,databases,network,rolling";
const asked = process.env.E2E_CLUSTER;
const limitMs = (asked === undefined ? 20 : 60) * 60_000;
const where = asked === undefined ? await found() : byName(asked);

if (where === undefined) {
  say(`skipped: ${scenarios} on a cluster, since none is up here. To run them: scripts/e2e-cluster --help`);
} else {
  const args = ["tests/cluster/main.ts", ...where.args, "--only", scenarios, "--namespace", "sagacart-ci"];
  try {
    await run(process.execPath, args, { env: where.env, cwd: cloneFolder, timeoutMs: limitMs, onLine: say });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    if (asked !== undefined) process.exitCode = 1;
    else say("Scenarios failed on the cluster that is up here. E2E_CLUSTER is not set, so this does not fail the run.");
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
  // Anybody's cluster may be behind another name.
  return context.startsWith("kind-") && (await answers(process.env)) ? byName("kind") : undefined;
}
