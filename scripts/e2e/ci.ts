import { existsSync } from "node:fs";
import { answers, cloneFolder, labEnvironment } from "./clusters.ts";
import { ProgramError, run } from "./program.ts";

// The cluster part of .ci/run. E2E_CLUSTER asks for it: `lab`, `kind` or a context of the kubeconfig; then what fails there
// fails the run. Nobody asked, and the lab is up, or the current context is a kind cluster: then it runs, is told, and
// does not count, since a cluster that happens to be there is nobody's promise. Otherwise it is left out, by name.

const say = (line: string) => process.stdout.write(`${line}\n`);
const labFolder = process.env.K8S_LAB_DIR ?? "../shared/k8s-lab";
const scenarios = process.env.E2E_SCENARIOS ?? "install,databases,network,rolling";
const asked = process.env.E2E_CLUSTER;
const limitMs = (asked === undefined ? 20 : 60) * 60_000;
const where = asked === undefined ? await found() : byName(asked);

if (where === undefined) {
  say(`skipped: ${scenarios} on a cluster, since none is up here. With one:`);
  say(`  scripts/e2e-cluster --lab ${labFolder}     or --kind, or --context NAME`);
} else {
  const args = ["scripts/e2e/main.ts", ...where.args, "--only", scenarios, "--namespace", "sagacart-ci"];
  try {
    await run(process.execPath, args, { env: where.env, cwd: cloneFolder, timeoutMs: limitMs, onLine: say });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    if (asked !== undefined) process.exitCode = 1;
    else
      say("Not all of it held on the cluster that is up here. It was not asked for (E2E_CLUSTER), and does not count.");
  }
}

type Where = { readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv };

function byName(name: string): Where {
  if (name === "lab") return { args: ["--lab", labFolder], env: process.env };
  return { args: name === "kind" ? ["--kind"] : ["--context", name], env: process.env };
}

async function found(): Promise<Where | undefined> {
  const lab = labEnvironment();
  if (existsSync(labFolder) && existsSync(lab.KUBECONFIG ?? "") && (await answers(lab))) return byName("lab");
  const context = await run("kubectl", ["config", "current-context"], { timeoutMs: 5_000 }).catch(() => "");
  // Anybody's cluster may be behind another name.
  return context.startsWith("kind-") && (await answers(process.env)) ? byName("kind") : undefined;
}
