import { anchorsOf, errorsPage } from "./errors.ts";

/** Returns the TypeScript client's type of the reasons that docs/errors.md lists. */
export function clientReasons(): string {
  const names = new Set([...anchorsOf(errorsPage())].map((anchor) => anchor.split("/")[1] ?? ""));
  return `${[
    "// Generated from the sources by `npm run docs`.",
    "",
    "/** The reasons of errors, see docs/errors.md. A newer shop may have others. */",
    "export type Reason =",
    ...[...names].sort().map((name) => `  | "${name}"`),
    "  // Any other string, without losing the completion of those above.",
    "  | (string & {});",
  ].join("\n")}\n`;
}
