import { cloneFolder } from "../../scripts/clone.ts";
import { findBuilder, imageBuilders } from "../../scripts/images/builders.ts";
import { images } from "../../scripts/images/images.ts";
import type { Cluster } from "../../scripts/kubernetes/namespace.ts";
import { run, works } from "../../scripts/program.ts";

/** The clusters that image builders provide, with their command-line options. */
export const builderClusters = imageBuilders().flatMap(({ name, cluster }) =>
  cluster === undefined ? [] : [{ ...cluster, builder: name }],
);

/** The choice of a cluster: a builder's, in a folder; kind; a context of the kubeconfig; or the current context. */
export type Choice = {
  readonly own?: { readonly option: string; readonly folder: string };
  readonly kind?: boolean;
  readonly context?: string;
};

/** A cluster that answers, with the means to load images into it. */
export type ReadyCluster = Cluster & {
  /** The installation of Temporal: its chart, or one small process. */
  readonly temporal: "chart" | "small";
  /** Builds the images of a folder, by default of this clone, with this tag, and loads them into the cluster. */
  loadImages(tag: string, say: (line: string) => void, folder?: string): Promise<void>;
  /** Adds another tag to the loaded images. */
  tagImages(from: string, to: string): Promise<void>;
  /** Restarts all nodes without warning, and resolves when that was asked for; absent where nobody knows how. */
  restartNodes?(): Promise<void>;
};

/** Starts the chosen cluster, reporting progress. Rejects if no cluster answers. */
export async function openCluster(choice: Choice, say: (line: string) => void): Promise<ReadyCluster> {
  if (choice.own !== undefined) return await openBuilderCluster(choice.own, say);
  if (choice.kind === true) return await openKind(say);
  return await openContext(choice.context);
}

/** Returns true if the API server of a kubeconfig answers. */
export async function answers(env: NodeJS.ProcessEnv): Promise<boolean> {
  return await works("kubectl", ["get", "--raw", "/readyz", "--request-timeout=5s"], { env, timeoutMs: 10_000 });
}

async function openBuilderCluster(
  { option, folder }: NonNullable<Choice["own"]>,
  say: (line: string) => void,
): Promise<ReadyCluster> {
  const cluster = builderClusters.find((one) => one.option === option);
  if (cluster === undefined) throw new Error(`no image builder provides a cluster --${option}`);
  const env = await cluster.bringUp(folder, say);
  const builder = await findBuilder(cluster.builder, env);
  return {
    what: builder.name,
    env,
    temporal: cluster.temporal,
    loadImages: (tag, _say, from) => buildImages(env, ["--builder", builder.name, "--tag", tag], from),
    async tagImages(from, to) {
      for (const { name } of images) await builder.tag(`sagacart/${name}:${from}`, `sagacart/${name}:${to}`);
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
  const builder = await findBuilder("docker", env);
  const load = (tag: string) =>
    loadIntoKind(
      images.map(({ name }) => `sagacart/${name}:${tag}`),
      env,
    );
  return {
    what: "kind",
    env,
    temporal: "chart",
    async loadImages(tag, _say, from) {
      await buildImages(env, ["--builder", builder.name, "--tag", tag], from);
      await load(tag);
    },
    async tagImages(from, to) {
      for (const { name } of images) await builder.tag(`sagacart/${name}:${from}`, `sagacart/${name}:${to}`);
      await load(to);
    },
    async restartNodes() {
      const nodes = (await run("kind", ["get", "nodes", "--name", "sagacart"], { env })).trim().split("\n");
      // No time to end: as after a loss of power.
      await run("docker", ["restart", "--time", "0", ...nodes], { env });
    },
  };
}

/** Copies images from Docker into the kind cluster. */
export async function loadIntoKind(names: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  await run("kind", ["load", "docker-image", "--name", "sagacart", ...names], { env, timeoutMs: 1_800_000 });
}

async function openContext(context: string | undefined): Promise<ReadyCluster> {
  const env = { ...process.env };
  if (context !== undefined) await run("kubectl", ["config", "use-context", context], { env });
  if (!(await answers(env))) {
    const own = builderClusters.map(({ option }) => `--${option} DIR, `).join("");
    throw new Error(`No cluster answers. Choose one with ${own}--kind or --context NAME.`);
  }
  const cannot = async () => {
    throw new Error("a cluster chosen by its context pulls images from its registry: set their tag with --tag");
  };
  const current = (await run("kubectl", ["config", "current-context"], { env })).trim();
  return { what: `context ${current}`, env, temporal: "chart", loadImages: cannot, tagImages: cannot };
}

async function buildImages(env: NodeJS.ProcessEnv, args: readonly string[], cwd = cloneFolder): Promise<void> {
  await run(process.execPath, ["scripts/images.ts", ...args], { env, cwd, timeoutMs: 3_600_000 });
}
