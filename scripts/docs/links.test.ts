import { existsSync, readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { cloneFolder } from "../clone.ts";

const pages: string[] = [];
for await (const page of glob("**/*.md", {
  cwd: cloneFolder,
  exclude: ["**/node_modules", "**/results", "**/.*", "clients/**/gen"],
})) {
  pages.push(page);
}

test.each(pages.sort())("the links of %s are not broken", (page) => {
  const broken = linksOf(page).filter(({ path, anchor }) => {
    const target = path === "" ? page : join(dirname(page), path);
    const file = join(cloneFolder, target);
    return !existsSync(file) || (anchor !== "" && !anchorsOf(readFileSync(file, "utf8")).has(anchor));
  });

  expect(broken).toEqual([]);
});

/** Returns the relative links of a page, outside of code. */
function linksOf(page: string): { path: string; anchor: string }[] {
  const text = readFileSync(join(cloneFolder, page), "utf8").replaceAll(/```.*?```|`[^`\n]*`/gs, "");
  return [...text.matchAll(/\]\((?![a-z]+:)([^)\s#]*)#?([^)\s]*)\)/g)].map(([, path = "", anchor = ""]) => ({
    path: decodeURI(path),
    anchor,
  }));
}

/** Returns the anchors of a page: those that GitHub derives from headings, and those in HTML. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  const written = [...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = ""]) => id);
  return new Set([...headings, ...written]);
}
