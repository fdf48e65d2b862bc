import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { output, run, works } from "../../program.ts";
import { tagArguments } from "../base-images.ts";
import type { BuilderCluster, ImageBuilder } from "../builder.ts";
import { epochOf } from "../epoch.ts";

const base = "docker.io/sagacart-lab/nodejs24:1";

/**
 * Builds into the cluster of k8s-lab, a one-node Kubernetes that replaces kind on a machine without Docker. The program
 * is K8S_LAB, or `k8s-lab` on the PATH. No other file depends on it.
 */
export function createLabBuilder(env: NodeJS.ProcessEnv): ImageBuilder {
  const program = env.K8S_LAB ?? "k8s-lab";
  const lab = (...args: string[]) => run(program, args, { env, inherit: true, timeoutMs: 3_600_000 });
  let hasBase = false;
  return {
    name: "k8s-lab",
    isHere: () => works(program, ["status"], { env }),
    async build({ name, folder = ".", dockerfile, args = [] }) {
      const isWorker = dockerfile.startsWith("workflows/");
      if (isWorker && !hasBase) {
        await buildBase(lab);
        hasBase = true;
      }
      const text = await readFile(resolve(folder, dockerfile), "utf8");
      const from = [...tagArguments(text), ...(isWorker ? ["--build-arg", `BASE_IMAGE=${base}`] : [])];
      await lab("build", name, folder, "-f", dockerfile, "--timestamp", epochOf(args), ...from, ...args);
    },
    has: async (name) =>
      (await output(program, ["ctr", "images", "list", "-q", `name==docker.io/${name}`], { env })) !== "",
    async tag(name, other) {
      await lab("tag", name, other);
    },
    async push() {
      throw new Error("k8s-lab has no registry to push to");
    },
    async sizeMegabytes(name) {
      const list = await output(program, ["ctr", "images", "list", `name==docker.io/${name}`], { env });
      const [, size, unit] = /([\d.]+) ([KMG])iB/.exec(list) ?? [];
      const factor = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit ?? ""];
      return factor === undefined ? Number.NaN : (Number(size) * factor) / 1e6;
    },
    cluster: labCluster(env),
  };
}

function labCluster(env: NodeJS.ProcessEnv): BuilderCluster {
  const home = env.K8S_LAB_HOME ?? join(env.XDG_CACHE_HOME ?? join(env.HOME ?? "/root", ".cache"), "k8s-lab");
  const environment = () => ({
    ...env,
    IMAGE_BUILDER: "k8s-lab",
    KUBECONFIG: join(home, "kubeconfig"),
    PATH: [join(home, "bin"), env.PATH].join(delimiter),
  });
  return {
    option: "lab",
    usage: "the cluster of k8s-lab in this folder, started if it is not running",
    temporal: "small",
    usualFolder() {
      const folder = env.K8S_LAB_DIR ?? "../shared/k8s-lab";
      return existsSync(folder) && existsSync(join(home, "kubeconfig")) ? folder : undefined;
    },
    environment,
    async bringUp(folder, say) {
      const path = resolve(folder);
      const program = existsSync(join(path, "k8s-lab")) ? join(path, "k8s-lab") : path;
      const ready = { ...environment(), K8S_LAB: program };
      for (const part of ["up", "base", "operators", "temporal", "workers", "certs", "metrics", "tilt"]) {
        say(`k8s-lab ${part}`);
        await run(program, [part], { env: ready, timeoutMs: 3_600_000, onLine: (line) => say(`   ${line}`) });
      }
      return ready;
    },
  };
}

// Adds librt to the lab's distroless image: unlike the real one it lacks this part of the C library, which Temporal's
// native library needs.
async function buildBase(lab: (...args: string[]) => Promise<unknown>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sagacart-base-"));
  const lines = [
    "FROM docker.io/library/node:24-bookworm-slim AS node",
    "RUN mkdir -p /out && for file in /lib/*-linux-gnu/librt.so.1; do",
    '  mkdir -p "/out$(dirname "$file")" && cp -L "$file" "/out$file"; done',
    "FROM gcr.io/distroless/nodejs24-debian12:nonroot",
    "COPY --from=node /out/ /",
  ];
  await writeFile(join(directory, "Dockerfile"), `${lines.join("\n").replace("do\n", "do \\\n")}\n`);
  await lab("build", base, directory, "-f", join(directory, "Dockerfile"));
  await rm(directory, { recursive: true });
}
