import { type Ended, runToEnd } from "../../scripts/program.ts";
import { InstallError } from "./progress.ts";

/** A Kubernetes object, with the fields that the installer reads. */
export type KubeObject = {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly generation?: number };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
};

export type RunOptions = { readonly input?: string | undefined; readonly signal?: AbortSignal };

export type Outcome = { readonly ok: boolean; readonly stdout: string; readonly stderr: string };

/** A cluster, accessed with kubectl and helm. */
export type Cluster = {
  readonly context: string;
  /** Runs kubectl and returns its output. Throws an InstallError with its error output. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Runs helm. The signal interrupts it like Ctrl-C: helm marks the release as failed. */
  helm(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs kubectl and returns a failure instead of throwing. */
  tryKubectl(args: readonly string[], input?: string): Promise<Outcome>;
  /** Returns an object; undefined if it or its kind does not exist. */
  find(kind: string, name: string, namespace?: string): Promise<KubeObject | undefined>;
  /** Lists the objects of a kind; empty if the kind does not exist. */
  list(kind: string, namespace: string | "everywhere", selector?: string): Promise<readonly KubeObject[]>;
  /** Creates or updates objects, given as YAML or JSON. */
  apply(manifest: string, namespace?: string): Promise<void>;
};

/** Opens the cluster of a context, by default the current one. Throws if it does not answer or a program is missing. */
export async function openCluster(context: string | undefined): Promise<Cluster> {
  const current = context ?? (await run("kubectl", ["config", "current-context"])).stdout.trim();
  if (current === "") {
    throw new InstallError("There is no current context. Name one with --context, or set KUBECONFIG.");
  }
  const kubectlArgs = (args: readonly string[]) => ["--context", current, ...args];
  const tryKubectl: Cluster["tryKubectl"] = (args, input) => run("kubectl", kubectlArgs(args), { input });
  const kubectl: Cluster["kubectl"] = async (args, input) =>
    orThrow(await tryKubectl(args, input), `kubectl ${args.join(" ")}`);
  const cluster: Cluster = {
    context: current,
    kubectl,
    tryKubectl,
    async helm(args, options) {
      // Take over fields that were scaled or edited by hand in between; Helm 4 would refuse to change them.
      const taking = args[0] === "upgrade" && (await helmMajor()) >= 4 ? ["--force-conflicts"] : [];
      return orThrow(
        await run("helm", ["--kube-context", current, ...args, ...taking], options),
        `helm ${args.slice(0, 3).join(" ")}`,
      );
    },
    async find(kind, name, namespace) {
      const where = namespace === undefined ? [] : ["-n", namespace];
      const found = await tryKubectl(["get", kind, name, ...where, "--ignore-not-found", "-o", "json"]);
      return found.ok && found.stdout.trim() !== "" ? JSON.parse(found.stdout) : undefined;
    },
    async list(kind, namespace, selector) {
      const where = namespace === "everywhere" ? ["-A"] : ["-n", namespace];
      const which = selector === undefined ? [] : ["-l", selector];
      const found = await tryKubectl(["get", kind, ...where, ...which, "-o", "json"]);
      return found.ok ? JSON.parse(found.stdout).items : [];
    },
    async apply(manifest, namespace) {
      const where = namespace === undefined ? [] : ["-n", namespace];
      await kubectl(
        ["apply", "--server-side", "--force-conflicts", "--field-manager=sagacart-install", ...where, "-f", "-"],
        manifest,
      );
    },
  };
  const answer = await tryKubectl(["version", "-o", "json", "--request-timeout=10s"]);
  if (!answer.ok) {
    throw new InstallError(`The cluster of the context ${current} does not answer: ${lastLine(answer.stderr)}`);
  }
  return cluster;
}

async function helmMajor(): Promise<number> {
  const { stdout } = await run("helm", ["version", "--template", "{{.Version}}"]);
  return Number(/^v(\d+)/.exec(stdout)?.[1] ?? 0);
}

async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  // helm has its own timeout of 15 minutes.
  const { code, stdout, stderr } = await runToEnd(program, args, { timeoutMs: 3_600_000, ...options }).catch(
    (cause: NodeJS.ErrnoException): Promise<Ended> => {
      const missing = `${program} is not on the PATH. Install it: kubectl 1.29 or newer, helm 3.18 or newer.`;
      throw cause.code === "ENOENT" ? new InstallError(missing, { cause }) : cause;
    },
  );
  return { ok: code === 0, stdout, stderr };
}

function orThrow(outcome: Outcome, command: string): string {
  if (!outcome.ok) {
    throw new InstallError(`${command} failed:\n${outcome.stderr.trim() || outcome.stdout.trim()}`);
  }
  return outcome.stdout;
}

/** Returns the last line of a text that is not empty. */
export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
