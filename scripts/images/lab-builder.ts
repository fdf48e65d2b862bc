import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { epochOf } from "./epoch.ts";
import { output, run, works } from "./run.ts";

const program = process.env.K8S_LAB ?? "k8s-lab";
const base = "docker.io/sagacart-lab/nodejs24:1";

/** Builds into the cluster of k8s-lab, which K8S_LAB or the PATH names, and which stands in for kind without Docker. */
export function labBuilder() {
  let based = false;
  return {
    name: "k8s-lab",
    isHere: () => works(program, ["status"]),
    async build(name: string, dockerfile: string, args: readonly string[]): Promise<void> {
      const isWorker = dockerfile.startsWith("workflows/");
      if (isWorker && !based) {
        await buildBase();
        based = true;
      }
      const from = isWorker ? ["--build-arg", `BASE_IMAGE=${base}`] : [];
      await run(program, ["build", name, ".", "-f", dockerfile, "--timestamp", epochOf(args), ...from, ...args]);
    },
    async push(): Promise<void> {
      throw new Error("the lab has no registry to push to");
    },
    async sizeMegabytes(name: string): Promise<number> {
      const list = await output(program, ["ctr", "images", "list", `name==docker.io/${name}`]);
      const [, size, unit] = /([\d.]+) ([KMG])iB/.exec(list) ?? [];
      const factor = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit ?? ""];
      return factor === undefined ? Number.NaN : (Number(size) * factor) / 1e6;
    },
  };
}

// The lab's distroless has the libraries that Node wants. Temporal's native part wants one more of the C library, which
// the real one has.
async function buildBase(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sagacart-base-"));
  const lines = [
    "FROM docker.io/library/node:24-bookworm-slim AS node",
    "RUN mkdir -p /out && for file in /lib/*-linux-gnu/librt.so.1; do",
    '  mkdir -p "/out$(dirname "$file")" && cp -L "$file" "/out$file"; done',
    "FROM gcr.io/distroless/nodejs24-debian12:nonroot",
    "COPY --from=node /out/ /",
  ];
  await writeFile(join(directory, "Dockerfile"), `${lines.join("\n").replace("do\n", "do \\\n")}\n`);
  await run(program, ["build", base, directory, "-f", join(directory, "Dockerfile")]);
  await rm(directory, { recursive: true });
}
