import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cloneFolder } from "../../scripts/clone.ts";
import type { Result } from "./report.ts";
import { resultsPage, withResults } from "./results-page.ts";
import { scenarios } from "./scenarios.ts";

const two = [
  { name: "install", promise: "it installs" },
  { name: "rolling", promise: "it rolls | or not" },
];
const run = { on: "kind, v1.34.0", commit: "abcdef12", date: "2030-01-02" };
const passed = (name: string, said: string[] = []): Result => ({ name, outcome: "PASS", seconds: 12.4, said });
const rowOf = (page: string, name: string) => page.split("\n").find((line) => line.startsWith(`| ${name} |`));

test("a page has a row for each scenario, in their order, whether it has run or not", () => {
  const page = withResults("", two, { results: [passed("rolling", ["3 requests", "0 failed"])], run });

  const table = page.split("\n").filter((line) => line.startsWith("| "));
  expect(table.slice(2)).toEqual([
    "| install | it installs | not recorded yet |  |  |  |  |  |",
    "| rolling | it rolls &#124; or not | PASS | 12 | 3 requests<br>0 failed | kind, v1.34.0 | abcdef12 | 2030-01-02 |",
  ]);
});

test("a run replaces the rows of its scenarios, and leaves the others and the skipped ones", () => {
  const before = withResults("", two, { results: two.map(({ name }) => passed(name)), run });
  const failed: Result = { name: "install", outcome: "FAIL", seconds: 3, said: ["pods | of\norder did not start"] };
  const skipped: Result = { name: "rolling", outcome: "SKIP", seconds: 1, said: ["no cluster"] };

  const page = withResults(before, two, {
    results: [failed, skipped],
    run: { ...run, commit: "fedcba98", date: "2030-02-03" },
  });

  expect(rowOf(page, "install")).toBe(
    "| install | it installs | FAIL | 3 | pods &#124; of order did not start | kind, v1.34.0 | fedcba98 | 2030-02-03 |",
  );
  expect(rowOf(page, "rolling")).toBe(rowOf(before, "rolling"));
  expect(withResults(page, two)).toBe(page);
});

test("rows of scenarios that are gone are dropped, and promises are those of today", () => {
  const before = withResults("", two, { results: two.map(({ name }) => passed(name)), run });

  const page = withResults(before, [{ name: "install", promise: "another promise" }]);

  expect(rowOf(page, "rolling")).toBeUndefined();
  expect(rowOf(page, "install")).toContain("| another promise | PASS |");
});

test("the page of the clone has the scenarios and promises of today", () => {
  const page = readFileSync(join(cloneFolder, resultsPage), "utf8");

  // scripts/e2e-cluster --list --record
  expect(page).toBe(withResults(page, scenarios));
});
