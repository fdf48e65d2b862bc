import type { ImageBuilder } from "./builder.ts";
import { createBuildahBuilder } from "./builders/buildah.ts";
import { createDockerBuilder } from "./builders/docker.ts";
import { createLabBuilder } from "./builders/k8s-lab.ts";

/** All builders, the first choice first. A new one is a file in builders/ and a line here. */
export function imageBuilders(env: NodeJS.ProcessEnv = process.env): readonly ImageBuilder[] {
  return [createLabBuilder(env), createDockerBuilder(env), createBuildahBuilder(env)];
}

/** Returns the builder with this name, or that IMAGE_BUILDER names, or else the first that works on this machine. */
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
      : `There is no image builder ${wanted}. There are: ${builders.map((builder) => builder.name).join(", ")}.`,
  );
}
