/** An image that a Dockerfile begins with, from a build argument with this name. */
export type BaseImage = { readonly argument: string; readonly tag: string; readonly digest: string | undefined };

/** Returns the images that a Dockerfile begins with. Each is the default of a build argument. */
export function baseImages(dockerfile: string): readonly BaseImage[] {
  return [...dockerfile.matchAll(/^ARG (\w+_IMAGE)=([^\s@]+)(?:@(\S+))?$/gm)].map(
    ([, argument = "", tag = "", digest]) => ({
      argument,
      tag,
      digest,
    }),
  );
}

/**
 * Returns build arguments that name these images by their tags alone: for a builder that makes the base images itself, whose
 * digests are its own.
 */
export function tagArguments(dockerfile: string): string[] {
  return baseImages(dockerfile).flatMap(({ argument, tag }) => ["--build-arg", `${argument}=${tag}`]);
}
