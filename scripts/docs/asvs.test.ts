import { existsSync, globSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cloneFolder } from "../clone.ts";
import { cellsOf } from "./markdown.ts";
import { read } from "./source.ts";

/** The verdicts on each requirement of OWASP ASVS 5.0.0, levels 1 and 2: the chapters of docs/security/asvs.md. */
const folder = "docs/security/asvs";
const chapters = Array.from({ length: 17 }, (_, index) => `V${index + 1}`);
const verdicts = ["met", "not applicable", "not met"];

/** The folders and files at the root of the clone. */
const root = new Set(readdirSync(cloneFolder));

/** The requirements with their levels, as in the standard's own list. */
const required = read(`${folder}/requirements.csv`).trim().split("\n").slice(1);

test("the list has all requirements of the levels 1 and 2, in the standard's order", () => {
  const ofLevel = (level: string) => required.filter((line) => line.endsWith(`,${level}`));
  expect([ofLevel("1").length, ofLevel("2").length, new Set(required).size]).toEqual([70, 183, 253]);
  expect(required.toSorted((one, other) => one.localeCompare(other, "en", { numeric: true }))).toEqual(required);
});

test("there is a file for each chapter, and no other", () => {
  const pages = globSync(`${folder}/*.md`, { cwd: cloneFolder });
  expect(pages.toSorted()).toEqual(chapters.map((chapter) => `${folder}/${chapter}.md`).toSorted());
});

test("the page of the standard links to each chapter", () => {
  const page = read("docs/security/asvs.md");
  expect(chapters.filter((chapter) => !page.includes(`](asvs/${chapter}.md)`))).toEqual([]);
});

describe.each(chapters)("chapter %s", (chapter) => {
  test("has its heading, a sentence, and the table", () => {
    const [heading, empty, sentence, , head] = linesOf(chapter);
    expect(heading).toMatch(new RegExp(`^# ${chapter}: \\S`));
    expect(empty).toBe("");
    expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(head).toBe("| requirement | level | what it asks for | verdict | by what, or why |");
  });

  test("judges each requirement once, with its level, in order", () => {
    const judged = rowsOf(chapter).map(({ id, level }) => `${id},${level}`);
    expect(judged).toEqual(required.filter((line) => line.startsWith(`${chapter}.`)));
  });

  test("gives one of three verdicts, with a summary and a reason", () => {
    const wrong = rowsOf(chapter).filter(
      ({ cells, asks, verdict, why }) =>
        cells !== 5 || asks === "" || why === "" || verdicts.includes(verdict) === false,
    );
    expect(wrong).toEqual([]);
  });

  test("names a test or file for each requirement that is met", () => {
    const unproven = rowsOf(chapter).filter(({ verdict, why }) => verdict === "met" && pathsIn(why).length === 0);
    expect(unproven.map(({ id }) => id)).toEqual([]);
  });

  test("names only files that exist", () => {
    const missing = rowsOf(chapter).flatMap(({ id, why }) =>
      pathsIn(why)
        .filter((path) => !existsSync(join(cloneFolder, path)))
        .map((path) => `${id}: ${path}`),
    );
    expect(missing).toEqual([]);
  });
});

type Row = {
  readonly cells: number;
  readonly id: string;
  readonly level: string;
  readonly asks: string;
  readonly verdict: string;
  readonly why: string;
};

/** Returns the rows of a chapter's table. A line of a table that is no requirement is one, too: it is in no list. */
function rowsOf(chapter: string): Row[] {
  const lines = linesOf(chapter).filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) => {
    const cells = cellsOf(line.replaceAll("\\|", "¦"));
    const [id = "", level = "", asks = "", verdict = "", why = ""] = cells;
    return { cells: cells.length, id, level, asks, verdict, why };
  });
}

function linesOf(chapter: string): string[] {
  return read(`${folder}/${chapter}.md`).trimEnd().split("\n");
}

/**
 * Returns the paths in backticks, from the root of the clone: what begins with a folder or file of the root, or ends like a
 * source below a folder. Other code in backticks is a name of a variable, a header or a route.
 */
function pathsIn(text: string): string[] {
  const quoted = [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
  return quoted.filter(
    (code) =>
      root.has(code.split("/", 1)[0] ?? "") || /^[^\s*]+\/[^\s*]+\.(?:[jt]s|md|proto|sql|ya?ml|json|tpl)$/.test(code),
  );
}
