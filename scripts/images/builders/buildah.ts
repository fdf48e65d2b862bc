import { output, run, works } from "../../program.ts";
import type { ImageBuilder } from "../builder.ts";
import { epochOf } from "../epoch.ts";

export function createBuildahBuilder(env: NodeJS.ProcessEnv): ImageBuilder {
  const buildah = (...args: string[]) => run("buildah", args, { env, inherit: true, timeoutMs: 3_600_000 });
  return {
    name: "buildah",
    isHere: () => works("buildah", ["--version"], { env }),
    async build({ name, folder = ".", dockerfile, args = [] }) {
      const time = ["--timestamp", epochOf(args)];
      await buildah("build", "--layers", ...time, "--file", dockerfile, "--tag", name, ...args, folder);
    },
    has: (name) => works("buildah", ["inspect", "--type", "image", name], { env }),
    async tag(name, other) {
      await buildah("tag", name, other);
    },
    async push(name) {
      await buildah("push", name);
    },
    async sizeMegabytes(name) {
      // Parse the human-readable size: neither the JSON output nor the inspected image has it in bytes.
      const text = await output("buildah", ["images", "--format", "{{.Size}}", name], { env });
      const [size = "", unit = ""] = text.split(" ");
      const factors: Readonly<Record<string, number>> = { KB: 1e-3, MB: 1, GB: 1e3 };
      return Number(size) * (factors[unit] ?? Number.NaN);
    },
  };
}
