import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cluster } from "./cluster.ts";
import { run } from "./program.ts";

export const cloneFolder = fileURLToPath(new URL("../../", import.meta.url));

/** Which cluster to use: a folder with k8s-lab, kind, a context of the kubeconfig, or whichever answers. */
export type Choice = { readonly lab?: string; readonly kind?: boolean; readonly context?: string };

/** A cluster that answers, and how images get into it. */
export type ReadyCluster = Cluster & {
  /** Makes the images of this clone known to the cluster, under this tag. */
  loadImages(tag: string, say: (line: string) => void): Promise<void>;
  /** Gives the images that are there another tag. */
  tagImages(from: string, to: string): Promise<void>;
};

const imageNames = [
  "order",
  "stock",
  "payment",
  "shipping",
  "notifier",
  "identity",
  "gateway",
  "surfaces",
  "worker",
  "tools",
];

/** Brings up what was chosen; says what it does meanwhile. Rejects where no cluster answers. */
export async function openCluster(choice: Choice, say: (line: string) => void): Promise<ReadyCluster> {
  if (choice.lab !== undefined) return await openLab(resolve(choice.lab), say);
  if (choice.kind === true) return await openKind(say);
  return await openContext(choice.context);
}

/** Whether the API server of a kubeconfig answers. */
export async function answers(env: NodeJS.ProcessEnv): Promise<boolean> {
  return await run("kubectl", ["get", "--raw", "/readyz", "--request-timeout=5s"], { env, timeoutMs: 10_000 }).then(
    () => true,
    () => false,
  );
}

/** Where k8s-lab keeps its kubeconfig and programs. */
export function labEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const home = env.K8S_LAB_HOME ?? join(env.XDG_CACHE_HOME ?? join(env.HOME ?? "/root", ".cache"), "k8s-lab");
  return { ...env, KUBECONFIG: join(home, "kubeconfig"), PATH: [join(home, "bin"), env.PATH].join(delimiter) };
}

async function openLab(folder: string, say: (line: string) => void): Promise<ReadyCluster> {
  const program = existsSync(join(folder, "k8s-lab")) ? join(folder, "k8s-lab") : folder;
  const env = { ...labEnvironment(), K8S_LAB: program };
  for (const part of ["up", "base", "operators", "temporal", "workers", "certs", "metrics", "tilt"]) {
    say(`k8s-lab ${part}`);
    await run(program, [part], { env, timeoutMs: 3_600_000, onLine: (line) => say(`   ${line}`) });
  }
  return {
    what: "the lab",
    env,
    loadImages: (tag) => buildImages(env, ["--builder", "k8s-lab", "--tag", tag]),
    async tagImages(from, to) {
      for (const name of imageNames) {
        await run(program, ["tag", `sagacart/${name}:${from}`, `sagacart/${name}:${to}`], { env });
      }
    },
  };
}

async function openKind(say: (line: string) => void): Promise<ReadyCluster> {
  const env = { ...process.env };
  const clusters = (await run("kind", ["get", "clusters"], { env })).split("\n");
  if (!clusters.includes("sagacart")) {
    say("kind create cluster --name sagacart");
    await run("kind", ["create", "cluster", "--name", "sagacart", "--config", "k8s/kind.yaml"], {
      env,
      cwd: cloneFolder,
    });
  }
  await run("kubectl", ["config", "use-context", "kind-sagacart"], { env });
  const load = (tag: string) =>
    run(
      "kind",
      ["load", "docker-image", "--name", "sagacart", ...imageNames.map((name) => `sagacart/${name}:${tag}`)],
      {
        env,
        timeoutMs: 1_800_000,
      },
    );
  return {
    what: "kind",
    env,
    async loadImages(tag) {
      await buildImages(env, ["--builder", "docker", "--tag", tag]);
      await load(tag);
    },
    async tagImages(from, to) {
      for (const name of imageNames) await run("docker", ["tag", `sagacart/${name}:${from}`, `sagacart/${name}:${to}`]);
      await load(to);
    },
  };
}

async function openContext(context: string | undefined): Promise<ReadyCluster> {
  const env = { ...process.env };
  if (context !== undefined) await run("kubectl", ["config", "use-context", context], { env });
  if (!(await answers(env))) {
    throw new Error(
      "No cluster answers. Name one: --lab ../shared/k8s-lab, --kind, or a context of the kubeconfig by --context.",
    );
  }
  const cannot = async () => {
    throw new Error(
      "images of a cluster that is neither the lab nor kind come from its registry: name their tag by --tag",
    );
  };
  const current = (await run("kubectl", ["config", "current-context"], { env })).trim();
  return { what: `context ${current}`, env, loadImages: cannot, tagImages: cannot };
}

async function buildImages(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<void> {
  await run(process.execPath, ["scripts/images.ts", ...args], { env, cwd: cloneFolder, timeoutMs: 3_600_000 });
}
