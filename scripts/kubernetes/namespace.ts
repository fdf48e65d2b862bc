import { spawn } from "node:child_process";
import { once } from "node:events";
import { ProgramError, type RunOptions, run } from "../program.ts";
import { freePort } from "../stack/ports.ts";

// biome-ignore lint/suspicious/noExplicitAny: Kubernetes' objects, of many kinds.
export type KubeObject = any;

/** A Kubernetes that is there, and the programs to talk with it. */
export type Cluster = {
  /** A name for messages: `kind`, `context NAME`. */
  readonly what: string;
  /** KUBECONFIG, and a PATH with kubectl and helm. */
  readonly env: NodeJS.ProcessEnv;
};

/** One namespace of a cluster, as kubectl sees it. */
export type Namespace = {
  readonly name: string;
  readonly cluster: Cluster;
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  helm(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Creates or changes objects; each is an object or the text of a manifest. */
  apply(...objects: readonly KubeObject[]): Promise<void>;
  /** One object; undefined where there is none, or no such kind. */
  find(kind: string, name: string): Promise<KubeObject | undefined>;
  /** Those of a kind that have these labels (`a=b,c=d`). */
  list(kind: string, labels?: string): Promise<KubeObject[]>;
  /** The decoded content of a Secret. */
  secret(name: string): Promise<Readonly<Record<string, string>>>;
  /** GET of a path at a pod's port, through the API server. */
  askPod(pod: string, port: number, path: string): Promise<string>;
  /** Opens a port-forward to `svc/name` or `pod/name`; the local address. */
  forward(to: string, port: number): Promise<AsyncDisposable & { readonly address: string }>;
};

export function openNamespace(cluster: Cluster, name: string): Namespace {
  const { env } = cluster;
  const kubectl: Namespace["kubectl"] = (args, options) => run("kubectl", ["-n", name, ...args], { env, ...options });
  return {
    name,
    cluster,
    kubectl,
    helm: (args, options) => run("helm", ["-n", name, ...args], { env, ...options }),
    async apply(...objects) {
      const input = objects
        .map((object) => (typeof object === "string" ? object : JSON.stringify(object)))
        .join("\n---\n");
      await kubectl(["apply", "-f", "-"], { input });
    },
    async find(kind, object) {
      const text = await kubectl(["get", kind, object, "--ignore-not-found", "-o", "json"]).catch((error: unknown) => {
        // Nor is there any of a kind that the cluster does not know.
        if (error instanceof ProgramError && error.message.includes("have a resource type")) return "";
        throw error;
      });
      return text === "" ? undefined : JSON.parse(text);
    },
    async list(kind, labels) {
      const selector = labels === undefined ? [] : ["-l", labels];
      return JSON.parse(await kubectl(["get", kind, ...selector, "-o", "json"])).items;
    },
    async secret(secretName) {
      const { data = {} } = JSON.parse(await kubectl(["get", "secret", secretName, "-o", "json"]));
      const entries = Object.entries<string>(data);
      return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
    },
    askPod: (pod, port, path) =>
      kubectl(["get", "--raw", `/api/v1/namespaces/${name}/pods/${pod}:${port}/proxy${path}`], { timeoutMs: 20_000 }),
    async forward(to, port) {
      const local = await freePort();
      const child = spawn("kubectl", ["-n", name, "port-forward", to, `${local}:${port}`], { env, stdio: "pipe" });
      const ended = once(child, "exit");
      let said = "";
      child.stderr.on("data", (chunk) => (said += chunk));
      await new Promise<void>((resolve, reject) => {
        child.stdout.on("data", (chunk) => `${chunk}`.includes("Forwarding") && resolve());
        void ended.then(() => reject(new Error(`no port-forward to ${to}: ${said.trim()}`)));
      });
      return {
        address: `127.0.0.1:${local}`,
        async [Symbol.asyncDispose]() {
          child.kill();
          await ended;
        },
      };
    },
  };
}
