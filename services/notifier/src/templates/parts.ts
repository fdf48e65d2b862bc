import { readFileSync } from "node:fs";

const read = (name: string) => readFileSync(new URL(`../../templates/parts/${name}.mjml`, import.meta.url), "utf8");

/** What templates may take in by `<mj-include path="…" />`: there is nothing else, and no file. */
export const parts: Readonly<Record<string, string>> = {
  head: read("head"),
  header: read("header"),
  footer: read("footer"),
};
