import type { ImageBuilder } from "./builder.ts";
import { createBuildahBuilder } from "./builders/buildah.ts";
import { createDockerBuilder } from "./builders/docker.ts";
import { createLabBuilder } from "./builders/k8s-lab.ts";

/** Returns all builders in order of preference. A new one needs a file in builders/ and an entry here. */
export function imageBuilders(env: NodeJS.ProcessEnv = process.env): readonly ImageBuilder[] {
  return [createLabBuilder(env), createDockerBuilder(env), createBuildahBuilder(env)];
}

/** Returns the builder of this name or of IMAGE_BUILDER, else the first that works on this machine. */
export async function findBuilder(
  name: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ImageBuilder> {
  const builders = imageBuilders(env);
  const wanted = name ?? env.IMAGE_BUILDER;
  for (const builder of builders) {
    if (wanted === builder.name || (wanted === undefined && (await builder.isHere()))) return builder;
  }
  throw new Error(
    wanted === undefined
      ? "Found no program that builds images: start Docker, or install buildah."
      : `There is no image builder ${wanted}. Choose one of: ${builders.map((builder) => builder.name).join(", ")}.`,
  );
}
