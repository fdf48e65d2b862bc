import { readFileSync } from "node:fs";

const read = (name: string) => readFileSync(new URL(`../../templates/parts/${name}.mjml`, import.meta.url), "utf8");

/** The parts that templates can include with `<mj-include path="…" />`. They cannot include files. */
export const parts: Readonly<Record<string, string>> = {
  head: read("head"),
  header: read("header"),
  footer: read("footer"),
};
