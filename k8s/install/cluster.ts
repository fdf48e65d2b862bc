import { setTimeout as sleep } from "node:timers/promises";
import { type Ended, runToEnd } from "../../scripts/program.ts";
import { InstallError } from "./progress.ts";

/** A Kubernetes object, with the fields that the installer reads. */
export type KubeObject = {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    /** Set once its deletion was requested and finalizers still hold it. */
    readonly deletionTimestamp?: string;
  };
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
  /** Returns an object; undefined only if the cluster says that it or its kind does not exist. Throws a ReadError else. */
  find(kind: string, name: string, namespace?: string): Promise<KubeObject | undefined>;
  /** Lists the objects of a kind; empty only if there are none or no such kind. Throws a ReadError if it is not known. */
  list(kind: string, namespace: string | "everywhere", selector?: string): Promise<readonly KubeObject[]>;
  /** Creates or updates objects, given as YAML or JSON. */
  apply(manifest: string, namespace?: string): Promise<void>;
};

/** A question that the cluster did not answer. It says nothing about what the cluster has. */
export class ReadError extends InstallError {}

/** Runs kubectl or helm. */
export type RunProgram = (
  program: "kubectl" | "helm",
  args: readonly string[],
  options?: RunOptions,
) => Promise<Outcome>;

/** Opens the cluster of a context, by default the current one. Throws if it does not answer or a program is missing. */
export async function openCluster(context: string | undefined, run: RunProgram = runProgram): Promise<Cluster> {
  const current = context ?? (await run("kubectl", ["config", "current-context"])).stdout.trim();
  if (current === "") {
    throw new InstallError("There is no current context. Name one with --context, or set KUBECONFIG.");
  }
  const kubectlArgs = (args: readonly string[]) => ["--context", current, ...args];
  const tryKubectl: Cluster["tryKubectl"] = (args, input) => run("kubectl", kubectlArgs(args), { input });
  const kubectl: Cluster["kubectl"] = async (args, input) =>
    orThrow(await tryKubectl(args, input), `kubectl ${args.join(" ")}`);
  /** Returns kubectl's output, and "" if the kind does not exist. */
  const read = async (args: readonly string[]): Promise<string> => {
    for (let left = retries; ; left--) {
      const outcome = await tryKubectl(args);
      if (outcome.ok) return outcome.stdout.trim();
      if (/doesn't have a resource type|no matches for kind/.test(outcome.stderr)) return "";
      if (left === 0 || !isTransient(outcome.stderr)) {
        const what = `kubectl ${args.join(" ")} failed, so that it is not known what the cluster has`;
        throw new ReadError(`${what}:\n${outcome.stderr.trim()}\nNothing was changed by this step. Run it again.`);
      }
      await sleep(retryMs);
    }
  };
  const cluster: Cluster = {
    context: current,
    kubectl,
    tryKubectl,
    async helm(args, options) {
      // Take over fields that were scaled or edited by hand in between; Helm 4 would refuse to change them.
      const taking = args[0] === "upgrade" && (await helmMajor(run)) >= 4 ? ["--force-conflicts"] : [];
      return orThrow(
        await run("helm", ["--kube-context", current, ...args, ...taking], options),
        `helm ${args.slice(0, 3).join(" ")}`,
      );
    },
    async find(kind, name, namespace) {
      const where = namespace === undefined ? [] : ["-n", namespace];
      const found = await read(["get", kind, name, ...where, "--ignore-not-found", "-o", "json"]);
      return found === "" ? undefined : JSON.parse(found);
    },
    async list(kind, namespace, selector) {
      const where = namespace === "everywhere" ? ["-A"] : ["-n", namespace];
      const which = selector === undefined ? [] : ["-l", selector];
      const found = await read(["get", kind, ...where, ...which, "-o", "json"]);
      return found === "" ? [] : JSON.parse(found).items;
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

/** How often a read that found no API server is repeated, and after which pause. */
const retries = 3;
const retryMs = 1_000;

/** Returns true for an error that says nothing but that the API server was not reached. */
function isTransient(error: string): boolean {
  return /connection refused|connection reset|i\/o timeout|handshake timeout|unexpected EOF|request timed out|unable to handle the request|ServiceUnavailable/i.test(
    error,
  );
}

async function helmMajor(run: RunProgram): Promise<number> {
  const stdout = orThrow(await run("helm", ["version", "--template", "{{.Version}}"]), "helm version");
  return Number(/^v(\d+)/.exec(stdout)?.[1] ?? 0);
}

async function runProgram(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
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
