/** The time that the arguments of a build give the image and its files, in seconds since 1970. */
export function epochOf(args: readonly string[]): string {
  const given = args.find((argument) => argument.startsWith("SOURCE_DATE_EPOCH="));
  return given?.slice("SOURCE_DATE_EPOCH=".length) ?? "315532800";
}
