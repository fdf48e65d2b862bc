import { output, run, works } from "../../program.ts";
import type { ImageBuilder } from "../builder.ts";

export function createDockerBuilder(env: NodeJS.ProcessEnv): ImageBuilder {
  const docker = (...args: string[]) => run("docker", args, { env, inherit: true, timeoutMs: 3_600_000 });
  return {
    name: "docker",
    isHere: () => works("docker", ["info"], { env }),
    async build({ name, folder = ".", dockerfile, args = [] }) {
      await docker("buildx", "build", "--load", "--file", dockerfile, "--tag", name, ...args, folder);
    },
    has: (name) => works("docker", ["image", "inspect", name], { env }),
    async tag(name, other) {
      await docker("tag", name, other);
    },
    async push(name) {
      await docker("push", name);
    },
    sizeMegabytes: async (name) =>
      Number(await output("docker", ["image", "inspect", "--format={{.Size}}", name], { env })) / 1e6,
  };
}
