import { spawn } from "node:child_process";
import { once } from "node:events";
import { ProgramError, type RunOptions, run } from "../program.ts";
import { freePort } from "../stack/ports.ts";

// biome-ignore lint/suspicious/noExplicitAny: Kubernetes objects of many kinds.
export type KubeObject = any;

/** A running Kubernetes cluster, and the environment of its clients. */
export type Cluster = {
  /** A name for messages: `kind`, `context NAME`. */
  readonly what: string;
  /** KUBECONFIG, and a PATH with kubectl and helm. */
  readonly env: NodeJS.ProcessEnv;
};

/** A namespace of a cluster, with commands that run in it. */
export type Namespace = {
  readonly name: string;
  readonly cluster: Cluster;
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  helm(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Applies objects, or texts of manifests. */
  apply(...objects: readonly KubeObject[]): Promise<void>;
  /** Returns an object; undefined if the object or its kind does not exist. */
  find(kind: string, name: string): Promise<KubeObject | undefined>;
  /** Lists the objects of a kind, optionally with these labels (`a=b,c=d`). */
  list(kind: string, labels?: string): Promise<KubeObject[]>;
  /** Returns the decoded data of a Secret. */
  secret(name: string): Promise<Readonly<Record<string, string>>>;
  /** Sends a GET request to a pod's port through the API server. */
  askPod(pod: string, port: number, path: string): Promise<string>;
  /** Opens a port-forward to `svc/name` or `pod/name`. Returns its local address. */
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
        // The cluster does not know this kind.
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
      let errors = "";
      child.stderr.on("data", (chunk) => (errors += chunk));
      await new Promise<void>((resolve, reject) => {
        child.stdout.on("data", (chunk) => `${chunk}`.includes("Forwarding") && resolve());
        void ended.then(() => reject(new Error(`port-forward to ${to} failed: ${errors.trim()}`)));
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
