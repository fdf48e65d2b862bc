import { epochOf } from "./epoch.ts";
import { labBuilder } from "./lab-builder.ts";
import { output, run, works } from "./run.ts";

/** A program that makes images. */
export type Builder = {
  readonly name: string;
  /** Builds from the root of the clone, under this name with its tag. */
  build(name: string, dockerfile: string, args: readonly string[]): Promise<void>;
  push(name: string): Promise<void>;
  /** Of all layers, uncompressed. */
  sizeMegabytes(name: string): Promise<number>;
};

const docker: Builder = {
  name: "docker",
  build: (name, dockerfile, args) =>
    run("docker", ["buildx", "build", "--load", "--file", dockerfile, "--tag", name, ...args, "."]),
  push: (name) => run("docker", ["push", name]),
  sizeMegabytes: async (name) => Number(await output("docker", ["image", "inspect", "--format={{.Size}}", name])) / 1e6,
};

const buildah: Builder = {
  name: "buildah",
  build: (name, dockerfile, args) =>
    run("buildah", [
      "build",
      "--layers",
      "--timestamp",
      epochOf(args),
      "--file",
      dockerfile,
      "--tag",
      name,
      ...args,
      ".",
    ]),
  push: (name) => run("buildah", ["push", name]),
  async sizeMegabytes(name) {
    // Of the JSON, the size is a text for people; the inspected image says it in bytes nowhere.
    const [size = "", unit = ""] = (await output("buildah", ["images", "--format", "{{.Size}}", name])).split(" ");
    return Number(size) * ({ KB: 1e-3, MB: 1, GB: 1e3 }[unit] ?? Number.NaN);
  },
};

/** The one that is named, or else the first that works here. */
export async function findBuilder(name: string | undefined): Promise<Builder> {
  const lab = labBuilder();
  const known: readonly [Builder, () => Promise<boolean>][] = [
    [lab, () => lab.isHere()],
    [docker, () => works("docker", ["info"])],
    [buildah, () => works("buildah", ["--version"])],
  ];
  for (const [builder, isHere] of known) {
    if (name === builder.name || (name === undefined && (await isHere()))) {
      return builder;
    }
  }
  throw new Error(
    name === undefined
      ? "Neither Docker nor buildah answers here: start Docker, or install buildah."
      : `There is no builder ${name}. There are: ${known.map(([builder]) => builder.name).join(", ")}.`,
  );
}
