/** Returns the SOURCE_DATE_EPOCH of the build arguments, in seconds since 1970. */
export function epochOf(args: readonly string[]): string {
  const given = args.find((argument) => argument.startsWith("SOURCE_DATE_EPOCH="));
  return given?.slice("SOURCE_DATE_EPOCH=".length) ?? "315532800";
}
